/**
 * The paper's study with Pythia 410M.
 *
 * @module
 */
import { studyRecipe } from "../paper/study.ts";
import { fullSize } from "./settings.ts";

export default studyRecipe(fullSize({ model: "pythia-410m", micro_batch_size: 8 }));
