/**
 * The study with a model of 1.8M parameters.
 *
 * @module
 */
import { studyRecipe } from "../../recipes/paper/study.ts";
import { scaledDown } from "./settings.ts";

export default studyRecipe({
  ...scaledDown({
    name: "paper_mini",
    title: "Midtraining as a bridge: the study with 1.8M parameters",
    model: "mini",
    schedule: { peak_lr: 3e-3, min_lr: 1e-5 },
    rates: [6e-4, 1.2e-3, 2.5e-3, 5e-3, 1e-2, 2e-2],
  }),
  kinds: ["control", "midtrain", "continued"],
});
