/**
 * The paper's study with Pythia 160M.
 *
 * @module
 */
import { studyRecipe } from "../paper/study.ts";
import { fullSize } from "./settings.ts";

export default studyRecipe(fullSize({ model: "pythia-160m", micro_batch_size: 16 }));
