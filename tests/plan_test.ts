import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { defineRecipe, type RecipeDraft } from "@causeway/core/recipe";
import { forecastRecipe, run, type StepForecast } from "@causeway/core/runner";
import { openTable, Store } from "@causeway/core/store";
import { ports } from "@causeway/core/stage";
import { evaluate, midtrain, pretrain, sft, tokenize } from "@causeway/stages";
import { TINY_MODEL } from "./shared/tiny_training.ts";

const sums = (name: string) => [{
  dataset: name,
  records: { path: "recipes/own_data.jsonl", prompt: "{question} ", text: "answer" },
}];

const TOKENS_PER_STEP = 1024 * 2048;

/** The paper's run of 61,000 steps: a trunk, branches at three steps, continued pretraining, fine-tuning. */
const PAPER = defineRecipe({ name: "paper", description: "Full size.", seed: 1 }, (recipe) => {
  const data = recipe.step("data", tokenize, {
    config: { sources: { c4: sums("c4_set"), code: sums("code_set") }, vocab_size: 50304 },
  });
  const tokens = { train: { data: data.train }, validation: { data: data.validation } };
  const trunk = recipe.step("trunk", pretrain, {
    config: {
      model: "pythia-410m",
      mixture: { c4: 1 },
      sequence_length: 2048,
      global_batch_size: 1024,
      micro_batch_size: 8,
      tokens: 6000 * TOKENS_PER_STEP,
      horizon_tokens: 61_000 * TOKENS_PER_STEP,
      schedule: { peak_lr: 3e-4, min_lr: 1e-6 },
    },
    inputs: { tokenizer: data.tokenizer, ...tokens },
  });
  const branch = (id: string, from: typeof trunk, config: object) =>
    recipe.step(id, midtrain, {
      config: { micro_batch_size: 8, ...config },
      inputs: { checkpoint: from.checkpoint, ...tokens },
    });
  branch("starcoder", trunk, { mixture: { c4: 0.8, code: 0.2 } });
  const late = branch("late", trunk, { steps: 34_000 });
  const continued = branch("continued", late, {
    preset: "continued_pretrain",
    mixture: { code: 1 },
  });
  branch("general_again", late, { preset: "continued_pretrain", mixture: { c4: 1 } });
  branch("too_long", late, { steps: 30_000 });
  recipe.step("tuned", sft, {
    config: { sources: ["code"], schedule: { peak_lr: 1e-5 } },
    inputs: { checkpoint: continued.checkpoint, ...tokens },
  });
});

async function byId(recipe: RecipeDraft, out: string): Promise<Map<string, StepForecast>> {
  return new Map((await forecastRecipe(recipe, out)).map((step) => [step.id, step]));
}

Deno.test("plans the paper's full size", async () => {
  const steps = await byId(PAPER, "no_such_folder");
  const trunk = steps.get("trunk")!.forecast!;
  assert.equal(trunk.training!.parameters, 405_334_016); // as published for Pythia 410M
  assert.equal(trunk.training!.to_step, 6000);
  const { training } = steps.get("starcoder")!.forecast!;
  assert.equal(training!.to_step, 61_000);
  assert.equal(training!.tokens + trunk.training!.tokens, 61_000 * TOKENS_PER_STEP); // 128B
  assert.deepEqual(training!.sources.map(({ source, tokens }) => [source, tokens]), [
    ["c4", 0.8 * 55_000 * TOKENS_PER_STEP],
    ["code", 0.2 * 55_000 * TOKENS_PER_STEP],
  ]);
  const rates = training!.points.map(({ learning_rate }) => learning_rate);
  assert.ok(Math.abs(Math.max(...rates) - 3e-4) < 1e-6 && Math.abs(rates.at(-1)! - 1e-6) < 1e-12);
  // 6 FLOPs per matrix weight and token, 12 L D T for attention, and no evaluation without held-out data.
  const weights = 12 * 24 * 1024 ** 2 + 1024 * 50304;
  const per_token = 6 * weights + 12 * 24 * 1024 * 2048;
  assert.equal(trunk.flops, 6000 * TOKENS_PER_STEP * per_token);
});

Deno.test("a plan has the parent of each branch, and says which would fail", async () => {
  const steps = await byId(PAPER, "no_such_folder");
  const parents = [...steps.values()].map(({ id, parent }) => [id, parent]);
  assert.deepEqual(Object.fromEntries(parents), {
    data: undefined,
    trunk: undefined,
    starcoder: "trunk",
    late: "trunk",
    continued: "late",
    general_again: "late",
    too_long: "late",
    tuned: "continued",
  });
  const said = (id: string) => {
    const { notes = [], problems = [] } = steps.get(id)!.forecast!;
    return [...notes, ...problems.map((problem) => `would fail: ${problem}`)].join();
  };
  assert.equal(said("continued"), "");
  assert.match(said("general_again"), /would fail: .* the run began with "c4"/);
  assert.match(said("too_long"), /would fail: .* no room for 30,000 more steps/);
  assert.match(said("tuned"), /number of steps is unknown until the data are tokenized/);
});

/** A tiny recipe, with other settings of its trunk. */
const changed = ({ trunk: other }: { trunk: object }) =>
  defineRecipe({ name: "small", description: "Tiny.", seed: 3 }, (recipe) => {
    const data = recipe.step("data", tokenize, {
      config: { sources: { a: sums("set_a"), b: sums("set_b") }, vocab_size: 300 },
    });
    const tokens = { train: { data: data.train }, validation: { data: data.validation } };
    const trunk = recipe.step("trunk", pretrain, {
      config: {
        model: TINY_MODEL,
        mixture: { a: 1 },
        sequence_length: 16,
        global_batch_size: 8,
        steps: 5,
        horizon_steps: 12,
        schedule: { shape: "wsd", peak_lr: 1e-2 },
        threads: 1,
        ...other,
      },
      inputs: { tokenizer: data.tokenizer, ...tokens },
    });
    const branch = recipe.step("branch", midtrain, {
      config: {
        mixture: [
          { after_tokens: 0, weights: { a: 1 } },
          { after_tokens: 512, weights: { b: 1 }, change: "linear" },
        ],
        threads: 1,
      },
      inputs: { checkpoint: trunk.checkpoint, ...tokens },
    });
    const tuned = recipe.step("tuned", sft, {
      config: {
        sources: ["b"],
        epochs: 1.5,
        sequence_length: 128,
        global_batch_size: 32,
        schedule: { peak_lr: 1e-3 },
        threads: 1,
      },
      inputs: { checkpoint: branch.checkpoint, ...tokens },
    });
    recipe.step("losses", evaluate, {
      config: { sequence_length: 16, max_sequences: 8, threads: 1 },
      inputs: { models: { tuned: tuned.checkpoint }, tokens: { data: data.validation } },
    });
  });

const SMALL = changed({ trunk: {} });

Deno.test("tokens that turn out too few end a run as soon as they are made, before anything trains", async () => {
  const out = await Deno.makeTempDir();
  const recipe = () => changed({ trunk: { steps: 500, horizon_steps: 600 } });
  try {
    const lines: string[] = [];
    const onUnknown = (line: string) => void lines.push(line);
    const short = {
      name: "RequirementsError",
      message: /steps? .*source "a" has [\d,]+ tokens, and/,
    };
    await assert.rejects(run(recipe(), { out, onUnknown }), short);
    assert.deepEqual(lines, [
      "Not known yet for 4 of 5 steps: whether the data have enough tokens, and what depends on their " +
      'number; checked after "data".',
    ]);
    const steps = await byId(recipe(), out);
    assert.deepEqual([...steps.values()].map(({ action }) => action), [
      "skip",
      ...Array(4).fill("run"),
    ]);
    // Now it is known before the run.
    await assert.rejects(run(recipe(), { out, onUnknown }), short);
    assert.equal(lines.length, 1);
    assert.equal((await readdir(`${out}/runs`)).length, 1);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("a run does what its plan says", async () => {
  const out = await Deno.makeTempDir();
  try {
    await run(SMALL, { out, only: new Set(["data"]) });
    const planned = await byId(SMALL, out);
    assert.deepEqual([...planned.values()].map(({ action }) => action), [
      "skip",
      ...Array(4).fill("run"),
    ]);
    await run(SMALL, { out });
    const store = new Store(`${out}/store`);
    const after = await byId(SMALL, out);
    for (const id of ["trunk", "branch", "tuned"]) {
      const { training } = planned.get(id)!.forecast!;
      const { outputs } = store.readManifest(after.get(id)!.key!)!;
      const table = await openTable(store, outputs.training, ports.training_metrics.columns, id);
      const rates = await table.column("learning_rate"), tokens = await table.column("tokens");
      assert.deepEqual(training!.points.map((point) => point.learning_rate), [...rates], id);
      const before = id === "branch" ? planned.get("trunk")!.forecast!.training!.tokens : 0;
      // Fine-tuning samples whole examples, and part of an epoch differs from the mean.
      const close = Math.abs(training!.tokens + before - tokens.at(-1)!) <= 0.02 * tokens.at(-1)!;
      assert.ok(id === "tuned" ? close : training!.tokens + before === tokens.at(-1), `${tokens}`);
      if (id === "tuned") continue;
      const ledger = await openTable(store, outputs.mixture, ports.mixture_ledger.columns, id);
      const sources = await ledger.column("source"), drawn = await ledger.column("tokens");
      const available = await ledger.column("available_tokens");
      for (const expected of training!.sources) {
        const rows = sources.flatMap((source, i) => source === expected.source ? [i] : []);
        assert.equal(rows.reduce((sum, i) => sum + drawn[i], 0), expected.tokens);
        assert.equal(available[rows[0]], expected.available);
      }
    }
    for (const [id, step] of after) {
      assert.ok(step.action === "skip" && step.past_seconds! > 0 && step.written! > 0, id);
    }
    assert.match(after.get("branch")!.parent_digest!, /^[0-9a-f]{12}$/);
    const { flops } = planned.get("losses")!.forecast!;
    assert.ok(flops! > 0);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});
