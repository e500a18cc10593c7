/**
 * The study of `decays_cosine.ts` off a trunk at a constant rate, each arm with a decay of its own: how far do losses and
 * differences between arms agree with those of cosines?
 *
 * @module
 */
import { studyRecipe } from "../../recipes/paper/study.ts";
import { mainArms } from "./decays_cosine.ts";

export default studyRecipe({
  ...mainArms("paper_decays", "Midtraining off a trunk at a constant rate: 0.7M parameters"),
  trunk: { shape: "constant", decay: "1-sqrt", decay_share: 0.2 },
});
