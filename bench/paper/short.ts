/**
 * A study of minutes with the model of `nano.ts`: a tenth of its run, two of the mixtures, short fine-tuning.
 *
 * @module
 */
import type { StudySettings } from "../../recipes/paper/settings.ts";
import { NANO, scaledDown } from "./settings.ts";

const HORIZON_STEPS = 60;

/** The settings, under a name of a recipe. */
export function shortStudy(name: string, title: string): StudySettings {
  const settings = scaledDown({ ...NANO, name, title, rates: [1.2e-3, 2.5e-3, 5e-3, 1e-2] });
  const kept = ["code", "math"];
  const { code, math } = settings.matched;
  return {
    ...settings,
    data: { ...settings.data, sources: sourcesOf(settings) },
    horizon_steps: HORIZON_STEPS,
    validation: { every_steps: HORIZON_STEPS, max_sequences: 24 },
    midtraining: settings.midtraining.filter(({ name }) => kept.includes(name)),
    targets: settings.targets.filter(({ name }) => [code, math].includes(name)),
    matched: { code, math },
    continued: { specialised: ["code"], starts: [2 / 3], match: "both" },
    grid: {
      specialised: "code",
      weight: 0.2,
      starts: [0.1, 0.5, 0.75],
      weights: [0.4],
      weight_starts: [0.5],
      match: "both",
    },
    along_run: { arm: "code", at: [0.5] },
    seeds: [1, 2],
    similarity: { max_examples: 2000, resamples: 20 },
    tasks: [],
    evaluation: { ...settings.evaluation, by_example: [code, math] },
  };
}

/** The data of the arms that are kept, in smaller parts. */
function sourcesOf({ data }: StudySettings): StudySettings["data"]["sources"] {
  const { c4, code, math, pycode, gsm8k, mbpp } = data.sources;
  const at_most = (max_bytes: number, entries: typeof c4) =>
    entries.map((entry) => ({ ...entry, max_bytes })) as unknown as typeof c4;
  return {
    c4: at_most(4_000_000, c4),
    code: at_most(2_000_000, code),
    math: at_most(2_000_000, math),
    pycode: at_most(120_000, pycode),
    gsm8k: at_most(120_000, gsm8k),
    mbpp,
  };
}
