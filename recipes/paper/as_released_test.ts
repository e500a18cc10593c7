import assert from "node:assert/strict";
import { fullSize } from "../full_size/settings.ts";
import { asReleased } from "./as_released.ts";
import type { StudySettings } from "./settings.ts";
import { studyRecipe } from "./study.ts";

type Fields = Record<string, unknown>;

/** Steps by id, with their configs as the recipe has written them. */
function stepsOf(settings: StudySettings) {
  const draft = studyRecipe(settings);
  if (draft.thrown) throw draft.thrown.error;
  type Step = { stage: string; schema: unknown; config: Fields; parent?: Step };
  const steps = new Map<string, Step>();
  for (const { id, stage, config, inputs } of draft.steps) {
    const { step } = (inputs as { checkpoint?: { step: string } }).checkpoint ?? { step: "" };
    const parent = steps.get(step);
    steps.set(id, { stage: stage!.name, schema: stage!.config, config: config as Fields, parent });
  }
  return steps;
}

/** The config as the stage has it, with all defaults. */
async function resolved({ schema, config }: { schema: unknown; config: Fields }): Promise<Fields> {
  const { "~standard": standard } = schema as {
    "~standard": { validate(value: unknown): Promise<{ value: Fields; issues?: unknown }> };
  };
  const { value, issues } = await standard.validate(config);
  assert.equal(issues, undefined);
  return value;
}

const settings: StudySettings = {
  ...fullSize({ model: "pythia-70m", micro_batch_size: 16 }),
  similarity: { max_examples: 500, jensen_shannon: "distance", resamples: 20 },
  evaluation: { max_sequences: 8 },
};
const plain = stepsOf(settings), released = stepsOf({ ...settings, as_released: true });

const of = (steps: typeof plain, stage: string) =>
  [...steps].filter(([, step]) => step.stage === stage);

Deno.test("as released, the steps are the same ones, and only these fields differ", () => {
  assert.deepEqual([...released.keys()], [...plain.keys()]);
  const changed: Record<string, Set<string>> = {};
  for (const [id, { stage, config }] of released) {
    const before = plain.get(id)!.config;
    for (const field of new Set([...Object.keys(config), ...Object.keys(before)])) {
      if (JSON.stringify(config[field]) === JSON.stringify(before[field])) continue;
      (changed[stage] ??= new Set()).add(field);
    }
  }
  const fields = Object.entries(changed).map(([stage, names]) => [stage, [...names].sort()]);
  assert.deepEqual(Object.fromEntries(fields), {
    cka: ["estimator", "max_texts", "rows", "words_per_text"],
    evaluate: ["average"],
    lr_sweep: ["loss_average", "min_lr", "optimizer"],
    midtrain: ["data"],
    pretrain: ["initialization"],
    proximity: ["jensen_shannon", "max_examples", "preset"],
    sft: ["loss_average", "optimizer", "schedule", "validation"],
    similarity: ["jensen_shannon", "max_examples", "preset"],
    study_report: ["facts"],
  });
});

Deno.test("as released, fine-tuning is torch's AdamW with its defaults, a cosine to 0 and means of means", async () => {
  const tunings = of(released, "sft");
  assert.ok(tunings.length > 100);
  for (const [id, step] of tunings) {
    const { optimizer, schedule, loss_average, validation } = await resolved(step);
    assert.deepEqual(optimizer, {
      preset: "torch_default",
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weight_decay: 0.01,
      decay_scope: "all",
      max_grad_norm: null,
    }, id);
    assert.deepEqual(schedule, { shape: "cosine", peak_lr: 3e-4, warmup_ratio: 0.1, min_lr: 0 });
    assert.equal(loss_average, "micro_batch");
    const { by_document, sources } = validation as { by_document: string[]; sources: string[] };
    assert.deepEqual(by_document, ["c4"]);
    assert.ok(sources.includes("c4"));
  }
  for (const [, step] of of(released, "lr_sweep")) {
    const { optimizer, loss_average, min_lr } = await resolved(step);
    assert.deepEqual(
      [(optimizer as Fields).beta2, (optimizer as Fields).max_grad_norm, loss_average, min_lr],
      [0.999, null, "micro_batch", 0],
    );
  }
});

Deno.test("as released, pretraining begins with LitGPT's weights, and is otherwise the same", async () => {
  const [[, first]] = of(released, "pretrain");
  assert.equal((await resolved(first)).initialization, "litgpt");
});

Deno.test("as released, data start over where the mixture changes, and only there", () => {
  const midtrains = of(released, "midtrain");
  for (const [id, { config, parent }] of midtrains) {
    const same = JSON.stringify(config.mixture) === JSON.stringify(parent!.config.mixture);
    assert.equal(config.data, same ? undefined : "restart", id);
  }
  const restarts = midtrains.filter(([, { config }]) => config.data === "restart");
  assert.ok(restarts.length >= 5 && restarts.length < midtrains.length);
});

Deno.test("as released, similarity, proximity, CKA and evaluation are those of the code", async () => {
  for (const id of ["distances", "bridge"]) {
    const config = await resolved(released.get(id)!);
    const { weights, general, max_examples, sample_size, mixture_by } = config;
    assert.deepEqual({ weights, general, max_examples, sample_size, mixture_by }, {
      weights: { cosine: 0.4, jaccard: 0.3, jensen_shannon: 0.3 },
      general: "c4",
      max_examples: 10_000,
      sample_size: "at_most",
      mixture_by: "full_samples",
    });
    const { max_characters, max_tokens, vocabulary } = config;
    assert.deepEqual([max_characters, max_tokens, vocabulary], [10_000, 512, 50_000]);
    const { jensen_shannon, log_base, epsilon } = config;
    assert.deepEqual([jensen_shannon, log_base, epsilon], ["reciprocal", Math.E, 1e-10]);
  }
  assert.equal((await resolved(released.get("distances")!)).resamples, 20);
  for (const [id, step] of of(released, "cka")) {
    const { rows, estimator, max_texts, words_per_text, pairs } = await resolved(step);
    assert.deepEqual([rows, estimator, max_texts, words_per_text], [
      "document_mean",
      "biased",
      1000,
      200,
    ]);
    const arm = id.split("_")[1];
    assert.deepEqual(pairs, [
      ["control", "control_sft"],
      [arm, `${arm}_sft`],
      ["control", arm],
      ["control_sft", `${arm}_sft`],
    ]);
  }
  assert.equal((await resolved(released.get("losses")!)).average, "document");
  assert.equal((await resolved(plain.get("cka_code_pycode")!)).rows, "both");
});

Deno.test("what a target sets for itself is replaced as well", () => {
  const own = {
    schedule: { shape: "wsd", peak_lr: 1e-3, decay_ratio: 0.5, warmup_steps: 7 },
    optimizer: { beta2: 0.5 },
    epochs: 2,
  } as const;
  const { targets } = asReleased({
    ...settings,
    targets: [{ name: "lima", label: "LIMA", fine_tuning: own }],
  });
  assert.deepEqual(targets[0].fine_tuning, {
    epochs: 2,
    schedule: { peak_lr: 1e-3, warmup_steps: 7, shape: "cosine", min_lr: 0 },
    optimizer: { preset: "torch_default" },
    loss_average: "micro_batch",
  });
});
