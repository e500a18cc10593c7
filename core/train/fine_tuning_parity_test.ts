/** Losses, gradients and steps of fine-tuning against PyTorch; tests/parity/make_fine_tuning_fixtures.py makes the fixture. */
import assert from "node:assert/strict";
import { answerSpan } from "../stage/mod.ts";
import { BatchSource, type LossAverage, type Sequence } from "../batches/mod.ts";
import { type Compute, computeOptions } from "../engine/mod.ts";
import {
  createTrainer,
  freshArrays,
  learningRate,
  loadParameters,
  optimizer_schema,
  resolveSchedule,
  schedule_schema,
} from "./mod.ts";
import type { Constraints } from "./adamw.ts";
import { frozenParameters } from "./regularization.ts";
import { averageRate, moveTowards, weight_average_schema } from "./weight_average.ts";

interface Fixture {
  group: number;
  examples: { tokens: number[]; prompt: number }[];
  averages: Record<string, { loss: number; norms: Record<string, number> }>;
  trajectory: {
    peak_lr: number;
    losses: number[];
    after: number;
    norms: Record<string, number>;
  };
  ema_decay: number;
  regularized: {
    frozen: string[];
    decay: number;
    losses: number[];
    grad_norms: number[];
    moved: Record<string, number>;
    norms: Record<string, number>;
    ema: Record<string, number>;
    last: Record<string, number>;
  }[];
}

const ROOT = new URL("../../tests/fixtures/", import.meta.url);
const fixture: Fixture = JSON.parse(
  await Deno.readTextFile(new URL("fine_tuning/losses.json", ROOT)),
);
const examples = fixture.examples.map(({ tokens, prompt }): Sequence => {
  return {
    tokens: Uint16Array.from(tokens),
    loss_spans: answerSpan(prompt, tokens.length),
    source: "s",
  };
});
const AVERAGES: Record<string, LossAverage> = {
  token: "token",
  example: "example",
  micro_batch: { groups_of: fixture.group },
};

const batchOf = (average: LossAverage, micro_batch_size: number, pack = false) =>
  new BatchSource({ batch: () => examples }, { micro_batch_size, lengths: [8, 16, 32] }, {
    average,
    pack,
  })
    .batch(0).micro_batches;

const load = (scope?: "all") =>
  loadParameters((name) => Deno.readFile(new URL(`gpt_neox/pythia_like/${name}`, ROOT)), scope);

async function trainer(
  optimizer: Parameters<typeof optimizer_schema.parse>[0],
  constraints: Constraints = {},
  compute: Partial<Compute> = {},
) {
  const config = optimizer_schema.parse(optimizer);
  const parameters = await load(config.decay_scope === "all" ? "all" : undefined);
  const options = computeOptions({ threads: 1, ...compute });
  return await createTrainer(freshArrays(parameters), config, options, undefined, constraints);
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
const ours = (name: string) => name === "lm_head.weight" ? "embed_out.weight" : name;

/** Key biases outside of the rotary dims have no gradient but rounding noise. */
const compared = (norms: Record<string, number>) =>
  Object.entries(norms).filter(([name]) => !name.endsWith("query_key_value.bias"));

for (const [name, average] of Object.entries(AVERAGES)) {
  Deno.test(`loss and gradient of a batch are PyTorch's: average by ${name}`, async () => {
    const expected = fixture.averages[name];
    const tuned = await trainer({});
    for (const [micro_batch_size, pack] of [[1], [2], [4], [1, true], [4, true]] as const) {
      const { loss, gradient } = await tuned.gradient(batchOf(average, micro_batch_size, pack));
      assert.ok(Math.abs(loss - expected.loss) < 2e-6, `${loss}, not ${expected.loss}`);
      for (const [parameter, theirs] of compared(expected.norms)) {
        const error = Math.abs(norm(gradient.get(ours(parameter))) / theirs - 1);
        assert.ok(error < 1e-5, `the gradient of ${parameter} differs by ${error}`);
      }
    }
    await tuned.release();
  });
}

Deno.test("the preset torch_default takes the steps of torch.optim.AdamW's defaults", async () => {
  const { peak_lr, losses, after, norms } = fixture.trajectory;
  const tuned = await trainer({ preset: "torch_default" });
  const batch = batchOf(AVERAGES.micro_batch, 3);
  const config = schedule_schema.parse({ peak_lr, warmup_steps: 1 });
  const schedule = resolveSchedule(config, losses.length);
  for (const [step, expected] of losses.entries()) {
    const { loss } = await tuned.step(batch, learningRate(schedule, step));
    assert.ok(Math.abs(loss - expected) < 1e-5, `step ${step}: ${loss}, not ${expected}`);
  }
  const { loss } = await tuned.gradient(batch);
  assert.ok(Math.abs(loss - after) < 1e-5, `after: ${loss}, not ${after}`);
  const { parameters } = await tuned.arrays();
  for (const [name, theirs] of compared(norms)) {
    const error = Math.abs(norm(parameters.get(ours(name))) / theirs - 1);
    assert.ok(error < 1e-5, `${name} differs by ${error}`);
  }
  await tuned.release();
});

Deno.test("a preset fills in what is not set, and is refused where it is unknown", () => {
  const { preset: _, ...settings } = optimizer_schema.parse({
    preset: "torch_default",
    beta1: 0.8,
  });
  assert.deepEqual(settings, {
    beta1: 0.8,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.01,
    decay_scope: "all",
    max_grad_norm: null,
  });
  assert.deepEqual(optimizer_schema.parse(settings), settings);
  assert.throws(() => optimizer_schema.parse({ preset: "torch" as never }), /torch_default/);
  assert.throws(() => optimizer_schema.parse({ momentum: 1 } as never), /momentum/);
});

function near(
  what: string,
  values: { get(name: string): Float32Array },
  norms: Record<string, number>,
) {
  for (const [name, theirs] of compared(norms)) {
    const error = Math.abs(norm(values.get(ours(name))) / theirs - 1);
    assert.ok(error < 1e-5, `${what} of ${name} differs by ${error}`);
  }
}

for (const expected of fixture.regularized) {
  for (const workers of [0, 2]) {
    const title = `${expected.frozen.length} frozen parameters, ${workers} workers`;
    Deno.test(`decay towards the start, freezing and averages are PyTorch's: ${title}`, async () => {
      const optimizer = optimizer_schema.parse({ preset: "torch_default" });
      const weights = await load("all");
      const freeze = { layers_below: 1, embeddings: true };
      const frozen = frozenParameters(
        weights.config,
        expected.frozen.length > 0 ? freeze : undefined,
      );
      assert.deepEqual([...frozen].sort(), expected.frozen.toSorted());
      const constraints = { frozen, start: { decay: expected.decay, weights } };
      const tuned = await trainer(optimizer, constraints, { workers });
      const averages = [
        { kind: "ema", decay: fixture.ema_decay },
        { kind: "last", points: 3, every_steps: 2 },
      ].map((config) => weight_average_schema.parse(config));
      const [ema, last] = [await load("all"), await load("all")];
      const batch = batchOf("token", 2), steps = expected.losses.length;
      for (let step = 0; step < steps; step++) {
        const { loss, grad_norm } = await tuned.step(batch, fixture.trajectory.peak_lr);
        assert.ok(Math.abs(loss - expected.losses[step]) < 1e-5, `${loss} at step ${step}`);
        const error = Math.abs(grad_norm / expected.grad_norms[step] - 1);
        assert.ok(error < 1e-5, `the gradient's norm differs by ${error}`);
        [ema, last].forEach((average, i) => {
          moveTowards(average, tuned.parameters!, averageRate(averages[i], step + 1, steps));
        });
      }
      near("the norm", tuned.parameters!, expected.norms);
      near("the EMA", ema, expected.ema);
      near("the mean of the last points", last, expected.last);
      const moved = (name: string) =>
        tuned.parameters!.get(name).map((p, i) => p - weights.get(name)[i]);
      near("the distance", { get: moved }, expected.moved);
      for (const name of frozen) assert.deepEqual(tuned.parameters!.get(name), weights.get(name));
      await tuned.release();
    });
  }
}

Deno.test("what is computed on the CPU only is refused on a device, by name", async () => {
  const weights = await load();
  const refused = (constraints: Constraints, message: RegExp) =>
    assert.rejects(() => trainer({}, constraints, { device: "webgpu" }), message);
  await refused({ frozen: new Set() }, /freeze is computed on the CPU only, not on webgpu/);
  await refused({ start: { decay: 1, weights } }, /start_decay is computed on the CPU only/);
});
