/**
 * The paper's study with Pythia 1B.
 *
 * @module
 */
import { studyRecipe } from "../paper/study.ts";
import { fullSize } from "./settings.ts";

export default studyRecipe(fullSize({ model: "pythia-1b", micro_batch_size: 8 }));
