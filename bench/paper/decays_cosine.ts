/**
 * The main arms of `short.ts` on three trunks, each on a cosine over the whole run, to compare with `decays.ts`.
 *
 * @module
 */
import type { StudySettings } from "../../recipes/paper/settings.ts";
import { studyRecipe } from "../../recipes/paper/study.ts";
import { shortStudy } from "./short.ts";

/** The settings of both recipes. */
export function mainArms(name: string, title: string): StudySettings {
  return {
    ...shortStudy(name, title),
    trunk_seeds: 3,
    continued: undefined,
    grid: {
      specialised: "code",
      weight: 0.2,
      starts: [0.1, 0.5],
      weights: [0.4],
      weight_starts: [0.5],
    },
    along_run: undefined,
    evaluation: undefined,
    cka: undefined,
  };
}

export default studyRecipe(
  mainArms("paper_decays_cosine", "Midtraining on a cosine: 0.7M parameters"),
);
