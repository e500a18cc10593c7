/**
 * The study with a model of 0.7M parameters.
 *
 * @module
 */
import { studyRecipe } from "../../recipes/paper/study.ts";
import { scaledDown } from "./settings.ts";

export default studyRecipe(scaledDown({
  name: "paper_nano",
  title: "Midtraining as a bridge: the study with 0.7M parameters",
  model: {
    hidden_size: 64,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    intermediate_size: 256,
  },
  schedule: { peak_lr: 5e-3, min_lr: 1e-5 },
  rates: [6e-4, 1.2e-3, 2.5e-3, 5e-3, 1e-2, 2e-2],
}));
