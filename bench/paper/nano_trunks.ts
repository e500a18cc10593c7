/**
 * A study of minutes with three trunks: two mixtures, starts and weights of code at equal weights and at equal tokens,
 * continued pretraining, and intervals over trunks.
 *
 * @module
 */
import { studyRecipe } from "../../recipes/paper/study.ts";
import { shortStudy } from "./short.ts";

export default studyRecipe({
  ...shortStudy("paper_nano_trunks", "Midtraining as a bridge: three trunks of 0.7M parameters"),
  trunk_seeds: 3,
});
