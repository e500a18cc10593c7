/**
 * The paper's study with Pythia 70M.
 *
 * @module
 */
import { studyRecipe } from "../paper/study.ts";
import { fullSize } from "./settings.ts";

export default studyRecipe(fullSize({ model: "pythia-70m", micro_batch_size: 16 }));
