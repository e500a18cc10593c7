/**
 * Made-up measurements of a whole study, for the tests of the page: no results. Losses come with runs whose means are
 * near those of the comparison.
 *
 * @module
 */
import { sampleMeasurements } from "./charts/sample.ts";
import { SAMPLE_CONFIG } from "./charts/sample_arms.ts";
import type { StudyReportConfig } from "./config.ts";
import type { StudyMeasurements } from "./read.ts";

export const STUDY_SAMPLE_CONFIG: StudyReportConfig = {
  ...SAMPLE_CONFIG,
  facts: [
    { name: "model", value: "none: <made-up> numbers & nothing else" },
    { name: "seeds of fine-tuning", value: "1, 2, 3" },
  ],
};

const SEEDS = [1, 2, 3];

/** Everything that a study may have measured, and nothing left out. */
export function studySample(): StudyMeasurements {
  const all = sampleMeasurements(SEEDS.length);
  return {
    ...all,
    runs: all.comparison.flatMap(runsOf),
    mixtures: Object.fromEntries(all.arms.map(({ arm }) => [arm, ledgerOf(all, arm)])),
    evaluation: evaluationOf(all),
    data: ["c4", "code", "math"].map((source) => ({
      source,
      dataset: `sample ${source}`,
      split: "train",
      documents: 1200,
      tokens: 345_678,
      text_bytes: 1_234_567,
      licence: "none: made up",
    })),
  };
}

/** What arms share by seed, which pairing takes out, and a little of their own. */
function runsOf(row: StudyMeasurements["comparison"][number], i: number) {
  return SEEDS.map((seed, s) => {
    const own = 0.003 * Math.sin(1.7 * i + 2.3 * s);
    const loss_after = row.loss_after + row.sd_after * (s - 1) + own;
    return {
      arm: row.arm,
      target: row.target,
      seed,
      learning_rate: 1e-3,
      source: row.source,
      loss_before: row.loss_before,
      loss_after,
      bits_per_byte_before: row.loss_before / 2.5,
      bits_per_byte_after: loss_after / 2.5,
    };
  });
}

function ledgerOf({ arms }: StudyMeasurements, name: string) {
  const { tokens, specialised, specialised_tokens } = arms.find(({ arm }) => arm === name)!;
  const drawn = [[SAMPLE_CONFIG.general, tokens - specialised_tokens] as const];
  if (specialised !== "") drawn.push([specialised, specialised_tokens]);
  return drawn.map(([source, of_source]) => ({
    from_token: 0,
    to_token: tokens,
    source,
    requested_share: of_source / tokens,
    achieved_share: of_source / tokens,
    tokens: of_source,
    available_tokens: 2 * tokens,
    phase_epochs: of_source / (2 * tokens),
    epochs: of_source / (2 * tokens),
  }));
}

function evaluationOf({ arms }: StudyMeasurements) {
  const whole = arms.filter(({ kind }) => kind === "control" || kind === "midtrain");
  return whole.flatMap(({ arm: model, weight }) =>
    ["c4", "code", "math"].map((source, i) => {
      const loss = 4 + 0.3 * i - weight;
      return { model, source, loss, bits_per_byte: loss / 2.5, tokens: 20_000 };
    })
  );
}
