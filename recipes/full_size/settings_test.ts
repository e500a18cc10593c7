/** The paper's settings, value by value, against those of the expanded recipe (docs/paper.md has the same table). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadRecipe, type Recipe } from "@causeway/core/recipe";
import { forecastRecipe, type StepForecast } from "@causeway/core/runner";
import type { TrainingForecast } from "@causeway/core/stage";
import { learningRates } from "@causeway/plugins/lr_sweep/config";
import { RECORD_SETS } from "@causeway/datasets";
import { asReleased } from "../paper/as_released.ts";
import { fullSize } from "./settings.ts";

type Config = Record<string, unknown>;

/** The recipe of 70M, on a data root that has a file for every set. */
async function load(): Promise<{ recipe: Recipe; steps: StepForecast[] }> {
  const root = await Deno.makeTempDir(), before = Deno.env.get("CAUSEWAY_DATA_ROOT");
  try {
    const { sources } = fullSize({ model: "pythia-70m", micro_batch_size: 16 }).data;
    for (const { dataset } of Object.values(sources).flat()) {
      await Deno.mkdir(join(root, dataset));
      await Deno.writeTextFile(join(root, dataset, "train.jsonl"), "{}\n");
    }
    Deno.env.set("CAUSEWAY_DATA_ROOT", root);
    const recipe = await loadRecipe(new URL("pythia_70m.ts", import.meta.url).href);
    return { recipe, steps: await forecastRecipe(recipe, join(root, "no_results")) };
  } finally {
    if (before === undefined) Deno.env.delete("CAUSEWAY_DATA_ROOT");
    else Deno.env.set("CAUSEWAY_DATA_ROOT", before);
    await Deno.remove(root, { recursive: true });
  }
}

const { recipe, steps } = await load();
const { sources } = fullSize({ model: "pythia-70m", micro_batch_size: 16 }).data;

function configOf(id: string): Config {
  const step = recipe.steps.find((step) => step.id === id);
  assert.ok(step, `no step ${id}`);
  return step.config as Config;
}

const trainingOf = (id: string): TrainingForecast =>
  steps.find((step) => step.id === id)!.forecast!.training!;

/** Fields of a config, those of an inner object by a dotted path. */
function fields(config: Config, paths: readonly string[]): unknown[] {
  return paths.map((path) =>
    path.split(".").reduce<unknown>((value, name) => (value as Config)[name], config)
  );
}

Deno.test("pretraining: steps, batch, schedule, optimizer", () => {
  const values = {
    sequence_length: 2048,
    global_batch_size: 1024,
    micro_batch_size: 16,
    horizon_steps: 61_035,
    precision: "bfloat16",
    vocab_size: 50_304,
    "schedule.peak_lr": 3e-4,
    "schedule.min_lr": 1e-6,
    "schedule.warmup_ratio": 0.1,
    "optimizer.beta1": 0.9,
    "optimizer.beta2": 0.95,
    "optimizer.weight_decay": 0.1,
    "optimizer.decay_scope": "all",
    "mixture.c4": 1,
  };
  const config = configOf("trunk_to_6000");
  assert.deepEqual(fields(config, Object.keys(values)), Object.values(values));
  assert.equal(trainingOf("trunk_to_61035").to_step * 1024 * 2048, 127_999_672_320); // 128B
  for (const size of ["pythia-410m", "pythia-1b"] as const) {
    assert.equal(fullSize({ model: size, micro_batch_size: 8 }).micro_batch_size, 8);
  }
});

/** Share of the specialised data, step and billions of tokens at which they begin. */
const MIXTURES: [arm: string, weight: number, step: number, billions: number][] = [
  ["code", 0.2, 6_000, 12.6],
  ["math", 0.12, 20_000, 42],
  ["flan", 0.05, 40_000, 84],
  ["knowledge_qa", 0.2, 40_000, 84],
  ["dclm", 0.2, 40_000, 84],
];

/** The first phase of an arm, which is cut where a checkpoint along it is fine-tuned. */
function firstPhase(arm: string): { training: TrainingForecast; config: Config } {
  const { config } = recipe.steps.find(({ id }) => id === "comparison")!;
  const { phases } = (config as { arms: { name: string; phases: string[] }[] }).arms
    .find(({ name }) => name === arm)!;
  const own = phases.find((id) => !id.startsWith("trunk"))!;
  return { training: trainingOf(own), config: configOf(own) };
}

for (const [arm, weight, step, billions] of MIXTURES) {
  Deno.test(`midtraining: ${arm} is ${100 * weight}% from step ${step}`, () => {
    const { training, config } = firstPhase(arm);
    assert.equal(training.from_step, step);
    assert.ok(Math.abs(training.from_step * 1024 * 2048 / 1e9 - billions) < 0.2);
    const { c4, ...specialised } = config.mixture as Record<string, number>;
    const sum = Object.values(specialised).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(c4 - (1 - weight)) < 1e-12 && Math.abs(sum - weight) < 1e-12);
  });
}

Deno.test("KnowledgeQA's parts have the authors' shares of the whole mixture", () => {
  const { c4: _, ...parts } = firstPhase("knowledge_qa").config.mixture as Record<string, number>;
  assert.deepEqual(parts, {
    knowledge_q1: 0.03,
    knowledge_q2: 0.015,
    knowledge_q3: 0.005,
    knowledge_q4: 0.15,
  });
});

Deno.test("ablations: starts at 20%, weights from 63B and 105B, continued pretraining, checkpoints along the run", () => {
  const { config } = recipe.steps.find(({ id }) => id === "comparison")!;
  type Arm = {
    name: string;
    kind: string;
    specialised: string;
    weight: number;
    start: number;
    end: number;
  };
  const arms = (config as { arms: Arm[] }).arms.map((arm) => ({
    ...arm,
    step: Math.round(arm.start * 61_035),
    end_step: Math.round(arm.end * 61_035),
  }));
  const code = arms.filter(({ specialised, end }) => specialised === "code" && end === 1);
  const mixed = code.filter(({ weight }) => weight < 1);
  const stepsAt = (weight: number) =>
    mixed.filter((arm) => arm.weight === weight).map(({ step }) => step).sort((a, b) => a - b);
  assert.deepEqual(stepsAt(0.2), [6_000, 20_000, 30_000, 40_000, 50_000]);
  for (const start of [30_000, 50_000]) {
    const weights = mixed.filter(({ step }) => step === start).map(({ weight }) => weight);
    assert.deepEqual(weights.sort(), [0.1, 0.2, 0.3, 0.5, 0.8], `${start}`);
  }
  const alone = arms.filter(({ kind }) => kind === "continued")
    .map(({ specialised, step, weight }) => `${specialised} ${step} ${weight}`);
  assert.deepEqual(alone, ["code 40000 1", "math 50000 1"]);
  const along = arms.filter(({ kind }) => kind === "along_run");
  for (const name of ["code", "control"]) {
    const ends = along.filter((arm) => arm.name.startsWith(name)).map(({ end_step }) => end_step);
    assert.deepEqual(ends.sort((a, b) => a - b), [10_000, 20_000, 30_000, 40_000, 50_000], name);
  }
});

Deno.test("fine-tuning: epochs, batch, schedule, seeds; prompts are masked for GSM8K alone", () => {
  const values = {
    epochs: 4,
    global_batch_size: 64,
    micro_batch_size: 16,
    "schedule.warmup_ratio": 0.1,
    "schedule.min_lr": 0,
  };
  const masked: Record<string, boolean | undefined> = {};
  for (const [target, [{ dataset, mask_prompt }]] of Object.entries(sources)) {
    const card = RECORD_SETS.find(({ name }) => name === dataset)!;
    const has_prompt = card.prompt !== undefined || card.messages !== undefined;
    masked[target] = has_prompt && (mask_prompt ?? card.mask_prompt ?? true);
  }
  const { pycode, gsm8k, lima, sciq } = masked;
  assert.deepEqual({ pycode, gsm8k, lima, sciq }, {
    pycode: false,
    gsm8k: true,
    lima: false,
    sciq: false,
  });
  for (const target of ["pycode", "gsm8k", "lima", "sciq"]) {
    for (const seed of [1, 2, 3, 4, 5]) {
      const id = `math.${target}.${seed}`;
      assert.equal(recipe.steps.find((step) => step.id === id)!.seed, seed);
      assert.deepEqual(fields(configOf(id), Object.keys(values)), Object.values(values), id);
    }
    assert.ok(!recipe.steps.some(({ id }) => id === `math.${target}.6`));
  }
});

Deno.test("the 26 learning rates, each once, on the control's checkpoint", () => {
  const paper = [
    ...[4e-6, 8e-6, 1e-5, 2e-5, 4e-5, 5e-5, 6e-5, 7e-5, 8e-5, 9e-5, 1e-4, 1.2e-4, 1.4e-4],
    ...[1.6e-4, 1.8e-4, 2e-4, 2.4e-4, 4e-4, 5e-4, 6e-4, 8e-4, 1e-3, 2e-3, 3e-3, 4e-3, 6e-3],
  ];
  for (const target of ["pycode", "gsm8k", "lima", "sciq"]) {
    const step = recipe.steps.find(({ id }) => id === `rates_${target}`)!;
    const { rates } = step.config as { rates: Parameters<typeof learningRates>[0] };
    assert.deepEqual(learningRates(rates), paper);
    assert.deepEqual(step.inputs.checkpoint, {
      ...step.inputs.checkpoint,
      step: "trunk_to_61035",
      output: "checkpoint",
    });
  }
});

Deno.test("as released: torch's optimizer, means of micro-batches, data from the beginning, pooled CKA", () => {
  const { fine_tuning, data_stream, similarity, cka, initialization } = asReleased(
    fullSize({ model: "pythia-70m", micro_batch_size: 16 }),
  );
  assert.deepEqual(
    [fine_tuning.optimizer, fine_tuning.loss_average, data_stream, initialization],
    [{ preset: "torch_default" }, "micro_batch", "restart", "litgpt"],
  );
  assert.deepEqual(fine_tuning.validation!.by_document, ["c4"]);
  assert.equal(similarity!.preset, "as_released");
  assert.deepEqual([cka!.config.rows, cka!.config.max_texts], ["document_mean", 1000]);
});

Deno.test("SciQ's 13,679 examples and another tokenizer are options", () => {
  const all = fullSize({ model: "pythia-70m", micro_batch_size: 16, sciq: "all", tokenizer: "a" });
  assert.deepEqual(all.data.sources.sciq, [{ dataset: "sciq_all" }]);
  assert.deepEqual(all.tokenizer, { folder: "a" });
});

Deno.test("similarity and CKA: at most 10,000 texts; C4 and APPS, code on Pycode and math on GSM8K", () => {
  const settings = fullSize({ model: "pythia-160m", micro_batch_size: 16 });
  assert.equal(settings.similarity!.max_examples, 10_000);
  assert.deepEqual(settings.cka!.config.probes, ["c4", "apps"]);
  assert.deepEqual(settings.cka!.pairs.map(({ arm, target }) => `${arm} ${target}`), [
    "code pycode",
    "math gsm8k",
  ]);
});

Deno.test("every row of the table in docs/paper.md says how it compares", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/paper.md", import.meta.url));
  const [, section] = page.split("## Everything in the paper, and where it is here");
  const rows = section.split("\n## ")[0].split("\n").filter((line) => line.startsWith("| "))
    .slice(2).map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | +\|?$/g, "")));
  const headings = rows.filter(([name]) => name.startsWith("**"));
  const compared = rows.filter((row) => !headings.includes(row));
  assert.ok(
    headings.length === 7 && compared.length > 50,
    `${headings.length}, ${compared.length}`,
  );
  const unclear = compared.filter(([, , how]) =>
    !/^(same|option: |differs because |beside ours)/.test(how)
  );
  assert.deepEqual(unclear, []);
});
