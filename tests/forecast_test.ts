/** What stages forecast of a step is what a tiny run of it does. */
import assert from "node:assert/strict";
import { CkaAccumulator } from "@causeway/core/analysis";
import { collate } from "@causeway/core/batches";
import { CrossProducts } from "@causeway/core/engine";
import { type ModelConfig, passFlops } from "@causeway/core/model";
import {
  checkpointReader,
  Evaluator,
  freshState,
  HiddenStates,
  model_schema,
  modelConfig,
  optimizer_schema,
  tuningPhase,
} from "@causeway/core/train";
import { learningRates } from "@causeway/plugins/lr_sweep/config";
import { lr_sweep } from "@causeway/plugins/lr_sweep";
import { cka, evaluate } from "@causeway/stages";
import { fakeContext } from "./shared/fake_context.ts";
import { TINY_MODEL, tinyModel, tinyTokens, VOCAB_SIZE } from "./shared/tiny_training.ts";

const TINY = modelConfig(model_schema.parse(TINY_MODEL), VOCAB_SIZE);

/** The forecast of a checkpoint. */
function checkpointOf(model: ModelConfig) {
  const state = freshState({
    schedule: { peak_lr: 1, min_lr: 0, warmup_ratio: 0, horizon_steps: 1 },
    optimizer: optimizer_schema.parse({}),
    sequence_length: 16,
    global_batch_size: 8,
    seed: 1,
    phase: "pretrain",
  });
  return { model, state };
}

type Tokens = ReturnType<typeof tinyTokens>;

/** The forecast of a table of tokens, as the tokenize stage has it. */
function tokensOf({ source, tokens: { offsets } }: Tokens) {
  const sources: Record<string, { tokens: number; documents: number }> = {};
  source.forEach((name, i) => {
    const { tokens, documents } = sources[name] ?? { tokens: 0, documents: 0 };
    const more = offsets[i + 1] - offsets[i];
    sources[name] = { tokens: tokens + more, documents: documents + 1 };
  });
  return { sources };
}

/** Calls `watch` before each call of a method, while `use` runs. */
async function watching<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  watch: (self: T, args: T[K] extends (...args: infer A) => unknown ? A : never) => void,
  use: () => Promise<void>,
): Promise<void> {
  const method = prototype[name] as (...args: unknown[]) => unknown;
  prototype[name] = function (this: T, ...args: unknown[]) {
    watch(this, args as never);
    return method.apply(this, args);
  } as never;
  try {
    await use();
  } finally {
    prototype[name] = method as never;
  }
}

/** FLOPs and tokens of the forward passes of `use`. */
async function evaluated(use: () => Promise<void>) {
  const done = { flops: 0, tokens: 0 };
  await watching(Evaluator.prototype, "loss", ({ options }, [weights, sequences]) => {
    for (const shape of collate(sequences, options)) {
      done.flops += passFlops(weights.config, shape, "forward");
      done.tokens += shape.rows * shape.length;
    }
  }, use);
  return done;
}

// Documents have 9 to 24 tokens: with 92 positions each is padded to 23 inputs, so that the forecast is exact.
const TUNING = {
  sources: ["qa"] as [string],
  sequence_length: 92,
  global_batch_size: 8,
  micro_batch_size: 3,
  epochs: 1.5,
  threads: 1,
};
const QA = { qa: { documents: 21, stride: 3 } };
const HELD_OUT = { general: { documents: 40, stride: 2 }, qa: { documents: 7, stride: 3 } };

Deno.test("lr_sweep: FLOPs and tokens of every micro-batch", async () => {
  const train = { data: tinyTokens(QA) }, validation = { data: tinyTokens(HELD_OUT) };
  const fake = await fakeContext(lr_sweep, {
    config: { ...TUNING, rates: [1e-4, 1e-3, 1e-2] },
    inputs: { checkpoint: tinyModel(3), train, validation },
    seed: 5,
  });
  const { config, inputs } = fake.ctx;
  const { phase } = await tuningPhase(config, inputs.train, checkpointReader(inputs.checkpoint), 5);
  const shapes = Array.from({ length: phase.steps }, (_, step) => {
    return phase.batches.batch(step).micro_batches;
  }).flat();
  const rates = learningRates(config.rates).length;
  const done = await evaluated(() => lr_sweep.run(fake.ctx));
  for (const shape of shapes) {
    done.flops += rates * passFlops(TINY, shape, "step");
    done.tokens += rates * shape.rows * shape.length;
  }
  assert.equal(fake.reports.at(-1)!.total, rates * phase.steps);
  const parents = {
    checkpoint: checkpointOf(TINY),
    train: { data: tokensOf(train.data) },
    validation: { data: tokensOf(validation.data) },
  };
  const { flops, tokens, problems, compute } = await lr_sweep.forecast!(
    { config, seed: 5, parents },
  );
  assert.deepEqual([flops, tokens, problems], [done.flops, done.tokens, []]);
  assert.equal(compute!.device, "cpu");
  const unknown = { ...parents, train: { data: {} } };
  assert.match(
    (await lr_sweep.forecast!({ config, seed: 5, parents: unknown })).notes![0],
    /unknown/,
  );
  const elsewhere = { ...config, sources: ["math"] as [string] };
  const wrong = await lr_sweep.forecast!({ config: elsewhere, seed: 5, parents });
  assert.match(wrong.problems![0], /^source "math" has no documents; the data have qa$/);
});

Deno.test("evaluate: FLOPs and tokens of every forward pass", async () => {
  const tokens = { data: tinyTokens(HELD_OUT) };
  const fake = await fakeContext(evaluate, {
    config: {
      by_example: ["qa"],
      sequence_length: 92,
      max_sequences: 5,
      micro_batch_size: 2,
      threads: 1,
    },
    inputs: { models: { a: tinyModel(1), b: tinyModel(2) }, tokens },
  });
  const done = await evaluated(() => evaluate.run(fake.ctx));
  const both = { a: checkpointOf(TINY), b: checkpointOf(TINY) };
  const parents = { models: both, tokens: { data: tokensOf(tokens.data) } };
  const forecast = await evaluate.forecast!({ config: fake.ctx.config, seed: 0, parents });
  assert.deepEqual([forecast.flops, forecast.tokens], [done.flops, done.tokens]);
  const config = { ...fake.ctx.config, sources: ["general", "math"], by_example: ["law"] };
  const { problems } = await evaluate.forecast!({ config, seed: 0, parents });
  assert.deepEqual(problems!.map((problem) => problem.split(" has ")[0]), [
    'source "math"',
    'source "law"',
  ]);
});

for (const estimator of ["biased", "unbiased"] as const) {
  Deno.test(`cka, ${estimator}: FLOPs of states and products, and the bytes of their sums`, async () => {
    const probes = { data: tinyTokens(HELD_OUT) };
    const fake = await fakeContext(cka, {
      config: {
        probes: ["general", "qa"],
        estimator,
        jackknife_groups: 2,
        sequence_length: 16,
        max_sequences: 9,
        micro_batch_size: 4,
        pairs: [["a", "b"], ["b", "a"], ["a", "a"]],
        threads: 1,
      },
      inputs: { models: { a: tinyModel(1), b: tinyModel(2) }, probes },
    });
    let flops = 0, tokens = 0, sums = 0;
    await watching(CrossProducts.prototype, "compute", (_, [x, y, rows]) => {
      flops += 2 * x.length * y.length / rows;
    }, () =>
      watching(HiddenStates.prototype, "compute", (_, [models, batch]) => {
        const length = batch[0].tokens.length - 1, rows = batch.length;
        for (const { config } of models) {
          const logits = 2 * rows * length * config.hidden_size * config.vocab_size;
          flops += passFlops(config, { rows, length }, "forward") - logits;
          tokens += rows * length;
        }
      }, () => cka.run(fake.ctx)));
    // One probe at a time has sums.
    const allocate = globalThis.Float64Array;
    globalThis.Float64Array = class extends allocate {
      constructor(size: number) {
        super(size as never);
        // Products; the sums of columns are shorter.
        if (size >= TINY.hidden_size ** 2) sums += 8 * size;
      }
    } as never;
    try {
      const state = { layers: 3, width: TINY.hidden_size };
      new CkaAccumulator({
        states: ["a", "b"].map((name) => ({ name, ...state })),
        pairs: fake.ctx.config.pairs,
        estimator,
        groups: 2,
      });
    } finally {
      globalThis.Float64Array = allocate;
    }
    const both = { a: checkpointOf(TINY), b: checkpointOf(TINY) };
    const parents = { models: both, probes: { data: tokensOf(probes.data) } };
    const forecast = await cka.forecast!({ config: fake.ctx.config, seed: 0, parents });
    assert.deepEqual([forecast.flops, forecast.tokens, forecast.memory!.sums], [
      flops,
      tokens,
      sums,
    ]);
    const many = { ...fake.ctx.config, jackknife_groups: 10, probes: ["qa", "law"] as never };
    const { problems } = await cka.forecast!({ config: many, seed: 0, parents });
    assert.match(
      problems!.join("\n"),
      /"law" has no documents.*\nprobe "qa" has only \d sequences/,
    );
  });
}
