/**
 * The study with a model of 0.7M parameters.
 *
 * @module
 */
import { studyRecipe } from "../../recipes/paper/study.ts";
import { NANO, scaledDown } from "./settings.ts";

export default studyRecipe(scaledDown({
  ...NANO,
  name: "paper_nano",
  title: "Midtraining as a bridge: the study with 0.7M parameters",
}));
