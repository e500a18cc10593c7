/** Losses, gradients and steps of fine-tuning against PyTorch; tests/parity/make_fine_tuning_fixtures.py makes the fixture. */
import assert from "node:assert/strict";
import { answerSpan } from "../stage/mod.ts";
import { BatchSource, type LossAverage, type Sequence } from "../batches/mod.ts";
import { computeOptions } from "../engine/mod.ts";
import {
  createTrainer,
  freshArrays,
  learningRate,
  loadParameters,
  optimizer_schema,
  resolveSchedule,
  schedule_schema,
} from "./mod.ts";

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

const batchOf = (average: LossAverage, micro_batch_size: number) =>
  new BatchSource({ batch: () => examples }, { micro_batch_size, lengths: [8, 16, 32] }, average)
    .batch(0).micro_batches;

async function trainer(optimizer: Parameters<typeof optimizer_schema.parse>[0]) {
  const config = optimizer_schema.parse(optimizer);
  const parameters = await loadParameters(
    (name) => Deno.readFile(new URL(`gpt_neox/pythia_like/${name}`, ROOT)),
    config.decay_scope,
  );
  return await createTrainer(freshArrays(parameters), config, computeOptions({ threads: 1 }));
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
    for (const micro_batch_size of [1, 2, 4]) {
      const { loss, gradient } = await tuned.gradient(batchOf(average, micro_batch_size));
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
