/**
 * Made-up measurements of a two-arm run, for the tests of the report.
 *
 * @module
 */
import type { Measurements } from "../inputs.ts";

/** Config to go with {@link sampleMeasurements}. */
export const SAMPLE_CONFIG = {
  title: "Sample report",
  description: "Made-up numbers in the shape of a real run.",
  target_source: "pycode",
  general_source: "general",
  base: "base",
  arms: [
    {
      name: "control",
      label: "Control",
      before_sft: "control",
      after_sft: "control_sft",
      trained: ["trunk", "control"],
    },
    {
      name: "midtrained",
      label: "Code-midtrained",
      before_sft: "midtrained",
      after_sft: "midtrained_sft",
      trained: ["trunk", "midtrained"],
    },
  ],
};

/** Losses by model: on pycode, on general text, on code. */
const LOSSES: Record<string, [number, number, number]> = {
  base: [4.1, 5.2, 4.6],
  control: [3.9, 4.95, 4.4],
  midtrained: [3.4, 4.97, 3.7],
  control_sft: [2.8, 5.45, 4.1],
  midtrained_sft: [2.65, 5.4, 3.6],
};

/** Measurements that depend on nothing but this file; losses fall smoothly with a small ripple. */
export function sampleMeasurements(): Measurements {
  return {
    evaluation: Object.entries(LOSSES).flatMap(([model, losses]) =>
      ["pycode", "general", "code"].map((source, i) => ({
        model,
        source,
        loss: losses[i],
        bits_per_byte: losses[i] / 2.6,
        tokens: 40_000,
      }))
    ),
    similarity: sampleSimilarity(["general", "code", "pycode"]),
    cka: ["general", "pycode"].flatMap((probe) => sampleCka(probe, Object.keys(LOSSES).slice(1))),
    training: {
      trunk: curve(1, 300, 8.3),
      control: curve(301, 500, 8.3),
      midtrained: curve(301, 500, 8.1),
      control_sft: curve(1, 60, 4.4),
      midtrained_sft: curve(1, 60, 4.1),
    },
    validation: {
      trunk: validation([100, 200, 300], 0),
      control: validation([400, 500], 0),
      midtrained: validation([400, 500], 0.2),
    },
    mixtures: {
      trunk: [mixture("general", 1, 2_400_000, 1.4)],
      control: [mixture("general", 1, 1_600_000, 0.9)],
      midtrained: [mixture("general", 0.8, 1_280_000, 0.7), mixture("code", 0.2, 320_000, 0.3)],
    },
    samples: {
      trunk: [sample(0, "general", true, "Call me Ishmael.<|endoftext|>")],
      midtrained_sft: [
        sample(0, "pycode", false, "def add(a, b):\n"),
        sample(0, "pycode", true, "    return a < b & a\n"),
        sample(1, "pycode", true, "print('x')"),
      ],
    },
    data: [
      data("general", "brown", "train", 480, 1_700_000, "CC BY-NC 4.0"),
      data("code", "npm_code", "train", 900, 1_100_000, "MIT, Apache-2.0"),
      data("pycode", "pyodide_stdlib", "train", 3900, 800_000, "PSF-2.0"),
    ],
  };
}

function curve(first: number, last: number, start: number) {
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const step = first + i;
    return {
      step,
      tokens: step * 8192,
      loss: start - 0.6 * Math.log(step) + 0.05 * Math.sin(step * 1.7),
      learning_rate: 1e-3 * Math.min(1, step / 50) * (1 - step / 520),
      grad_norm: 1,
    };
  });
}

function validation(steps: number[], gain: number) {
  return steps.flatMap((step) =>
    ["general", "code", "pycode"].map((source, i) => ({
      step,
      source,
      loss: 7.6 - 0.5 * Math.log(step) - (i > 0 ? gain : 0) - 0.2 * i,
      bits_per_byte: 2.7 - 0.18 * Math.log(step) - 0.07 * i,
      tokens: 40_000,
    }))
  );
}

function mixture(source: string, share: number, tokens: number, epochs: number) {
  return {
    from_token: 0,
    to_token: tokens / share,
    source,
    requested_share: share,
    achieved_share: share,
    tokens,
    available_tokens: tokens / epochs,
    phase_epochs: epochs,
    epochs,
  };
}

function sample(row: number, source: string, supervised: boolean, text: string) {
  return { step: 0, row, source, document: 0, supervised: supervised ? 1 : 0, tokens: 4, text };
}

function data(
  source: string,
  dataset: string,
  split: string,
  documents: number,
  tokens: number,
  licence: string,
) {
  return { source, dataset, split, documents, tokens, text_bytes: 3 * tokens, licence };
}

function sampleSimilarity(names: string[]) {
  return names.flatMap((a, i) =>
    names.map((b, j) => {
      const value = i === j ? 1 : 0.9 - 0.25 * Math.abs(i - j) - 0.03 * (i + j);
      const divergence = (1 - value) / 2;
      return {
        a,
        b,
        cosine: value,
        jaccard: value,
        overlap: value,
        jensen_shannon: divergence,
        similarity: 0.7 * value + 0.3 * (1 - divergence),
        ci_low: null,
        ci_high: null,
      };
    })
  );
}

function sampleCka(probe: string, models: string[]) {
  const layers = [0, 1, 2, 3, 4];
  return models.flatMap((model_a, i) =>
    models.slice(i).flatMap((model_b, apart) =>
      layers.flatMap((layer_a) =>
        layers.map((layer_b) => ({
          probe,
          rows: "positions",
          model_a,
          model_b,
          layer_a,
          layer_b,
          cka: 1 - 0.09 * Math.abs(layer_a - layer_b) - 0.02 * apart * (layer_a + layer_b) / 2,
          ci_low: null,
          ci_high: null,
        }))
      )
    )
  );
}
