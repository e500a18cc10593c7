/**
 * Made-up similarities, CKA, sweeps, curves and tasks, for the tests of the figures: smooth functions, no results.
 *
 * @module
 */
import type { StudyMeasurements } from "../inputs.ts";
import { ARMS, SAMPLE_CONFIG } from "./sample_arms.ts";

const SIMILAR = [
  "c4",
  "code",
  "math",
  "flan",
  "knowledge_qa",
  "dclm",
  ...ARMS.filter(({ kind }) => kind === "midtrain").map(({ label }) => label),
  ...SAMPLE_CONFIG.targets.map(({ name }) => name),
  "mbpp",
];

export function sampleSimilarity(): StudyMeasurements["similarity"] {
  return SIMILAR.flatMap((a, i) =>
    SIMILAR.slice(i).map((b, apart) => {
      const similarity = 1 - 0.05 * apart + 0.001 * i * apart;
      const parts = { cosine: similarity, jaccard: similarity, overlap: similarity };
      const [ci_low, ci_high] = [similarity - 0.01, similarity + 0.01];
      return { a, b, ...parts, jensen_shannon: 1 - similarity, similarity, ci_low, ci_high };
    })
  );
}

const statesOf = (arm: string) => ["control", "control_sft", arm, `${arm}_sft`];

/** Every state against itself and those after it, on two probes. */
export function sampleCka(arm: string, layers = 5): StudyMeasurements["cka"][string] {
  const depth = Array.from({ length: layers }, (_, layer) => layer);
  return ["c4", "mbpp"].flatMap((probe, p) =>
    statesOf(arm).flatMap((model_a, i) =>
      statesOf(arm).slice(i).flatMap((model_b, apart) =>
        depth.flatMap((layer_a) =>
          depth.map((layer_b) => {
            const value = 1 - 0.4 * Math.abs(layer_a - layer_b) / layers -
              0.03 * apart * (layer_a + layer_b + p) / layers;
            const [ci_low, ci_high] = [value - 0.02, value + 0.02];
            const models = { probe, rows: "positions", model_a, model_b };
            return { ...models, layer_a, layer_b, cka: value, ci_low, ci_high };
          })
        )
      )
    )
  );
}

export function sampleShift(arm: string): StudyMeasurements["shift"][string] {
  return ["c4", "mbpp"].flatMap((probe, p) =>
    statesOf(arm).flatMap((model_a, i) =>
      statesOf(arm).slice(i + 1).map((model_b, apart) => {
        const shift = 0.05 + 0.04 * i + 0.05 * apart + 0.03 * p;
        const [ci_low, ci_high] = [shift - 0.02, shift + 0.02];
        const [last, mean_same_layer] = [1 - shift, 1 - shift / 2];
        const models = { probe, rows: "positions", model_a, model_b };
        return { ...models, last, mean_same_layer, shift, ci_low, ci_high };
      })
    )
  );
}

export function sampleRates(): Pick<StudyMeasurements, "rates" | "best"> {
  const steps = Array.from({ length: 12 }, (_, i) => 1e-5 * 2 ** i);
  const sweeps = SAMPLE_CONFIG.targets.map(({ name }, j) => {
    const best = Math.log2(3e-4) + j / 2;
    const rows = steps.flatMap((learning_rate, i) =>
      [name, SAMPLE_CONFIG.general].map((source) => {
        const diverged = i >= 11 - (j % 2);
        const loss = 2 + 0.3 * j + 0.03 * (Math.log2(learning_rate) - best) ** 2;
        return { learning_rate, source, loss: diverged ? null : loss, tokens: 20_000 };
      })
    );
    const winner = rows.flatMap(({ loss, ...row }) => {
      return row.source === name && loss !== null ? [{ ...row, loss }] : [];
    }).reduce((low, row) => row.loss < low.loss ? row : low);
    const { learning_rate, loss } = winner;
    return {
      name,
      rows,
      best: [{ source: name, learning_rate, loss, loss_before: 2.9 + 0.3 * j }],
    };
  });
  return {
    rates: Object.fromEntries(sweeps.map(({ name, rows }) => [name, rows])),
    best: Object.fromEntries(sweeps.map(({ name, best }) => [name, best])),
  };
}

const TRUNK = [60, 200, 300, 400, 480, 600];

export function sampleCurves(): Pick<StudyMeasurements, "training" | "validation"> {
  const trunk = TRUNK.map((to, i) => ({ phase: `trunk_to_${to}`, from: TRUNK[i - 1] ?? 0, to }));
  const own = ARMS.filter(({ kind }) => kind === "midtrain")
    .map(({ arm, start }) => ({ phase: arm, from: Math.round(600 * start), to: 600 }));
  const cut = [
    { phase: "code_to_200", from: 60, to: 200 },
    { phase: "code", from: 200, to: 600 },
  ];
  const phases = [...trunk, ...cut, ...own.filter(({ phase }) => phase !== "code")];
  const loss = (step: number) => 4 + 4 * Math.exp(-step / 90);
  const gain = (phase: string, step: number) => {
    const at = ARMS.findIndex(({ arm }) => phase === arm || phase.startsWith(`${arm}_`));
    return at < 0 ? 0 : 0.02 * at * (step - 600 * ARMS[at].start) / 600;
  };
  return {
    training: Object.fromEntries(phases.map(({ phase, from, to }) => [
      phase,
      Array.from({ length: to - from }, (_, i) => from + 1 + i).map((step) => ({
        step,
        tokens: step * 4096,
        loss: loss(step) - 2 * gain(phase, step) + 0.05 * Math.sin(step * 1.7),
        learning_rate: 1e-3,
        grad_norm: 1,
      })),
    ])),
    validation: Object.fromEntries(phases.map(({ phase, from, to }) => [
      phase,
      [150, 300, 450, 600, to].filter((step, i, all) =>
        step > from && step <= to && all.indexOf(step) === i
      ).sort((a, b) => a - b).flatMap((step) =>
        [SAMPLE_CONFIG.general, "code"].map((source) => ({
          step,
          source,
          loss: loss(step) + gain(phase, step),
          bits_per_byte: 1.5,
          tokens: 20_000,
        }))
      ),
    ])),
  };
}

/** Curves of fine-tuning the control and the main arms, with three runs each. */
export function sampleTuning(): Pick<StudyMeasurements, "tuning" | "tuning_validation"> {
  const main = ARMS.filter(({ kind }) => kind === "control" || kind === "midtrain");
  const labels = main.flatMap(({ arm }, i) =>
    SAMPLE_CONFIG.targets.flatMap(({ name }, j) =>
      [1, 2, 3].map((seed) => ({
        label: `${arm}.${name}.${seed}`,
        name,
        level: 2 + 0.3 * j - 0.03 * i,
        seed,
      }))
    )
  );
  const loss = (level: number, step: number) => level + 2 * Math.exp(-step / 20);
  return {
    tuning: Object.fromEntries(labels.map(({ label, level, seed }) => [
      label,
      Array.from({ length: 100 }, (_, i) => i + 1).map((step) => ({
        step,
        tokens: step * 2048,
        loss: loss(level, step) + 0.02 * Math.sin(step + seed),
        learning_rate: 1e-3,
        grad_norm: 1,
      })),
    ])),
    tuning_validation: Object.fromEntries(labels.map(({ label, name, level }) => [
      label,
      [0, 50, 100].map((step) => {
        return { step, source: name, loss: loss(level, step), bits_per_byte: null, tokens: 60_000 };
      }),
    ])),
  };
}

export function sampleTasks(): StudyMeasurements["tasks"] {
  const models = (target: string, arms: string[]) => arms.map((arm) => `${arm}.${target}`);
  const result = (model: string, task: string, metric: string, value: number, n: number) => {
    const [ci_low, ci_high] = [Math.max(0, value - 0.04), value + 0.05];
    return { model, task, metric, value, n, ci_low, ci_high };
  };
  return [
    ...models("gsm8k", ["control", "math"]).flatMap((model, i) => [
      result(model, "gsm8k", "exact_match", 0.01 + 0.02 * i, 200),
      result(model, "gsm8k", "answered", 0.6 + 0.1 * i, 200),
    ]),
    ...models("pycode", ["control", "code", "knowledge_qa"]).flatMap((model, i) => [
      result(model, "mbpp", "pass@1", 0.02 * i, 100),
      result(model, "mbpp", "pass@10", 0.05 * i, 100),
      result(model, "mbpp", "parses", 0.4 + 0.1 * i, 100),
    ]),
  ];
}
