import assert from "node:assert/strict";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import {
  TINY_MODEL,
  TINY_TOKENIZER,
  tinyModel,
  tinyTokens,
} from "../../tests/shared/tiny_training.ts";
import { importedState } from "@causeway/core/train";
import { pretrain } from "../pretrain/mod.ts";
import { sft } from "../sft/mod.ts";
import { midtrain } from "./mod.ts";

const TOKENS = {
  train: {
    data: tinyTokens({
      general: { documents: 130, stride: 2 }, // 127 sequences
      code: { documents: 130, stride: 5 },
    }),
  },
};
const SEED = 7;
const TOKENS_PER_STEP = 8 * 16;

const started = await fakeContext(pretrain, {
  config: {
    model: TINY_MODEL,
    mixture: { general: 1 },
    sequence_length: 16,
    global_batch_size: 8,
    micro_batch_size: 8,
    tokens: 6 * TOKENS_PER_STEP,
    horizon_tokens: 12 * TOKENS_PER_STEP,
    schedule: { peak_lr: 1e-2, warmup_steps: 2 },
    threads: 1,
  },
  inputs: { tokenizer: TINY_TOKENIZER, ...TOKENS },
  seed: SEED,
});
await pretrain.run(started.ctx);
const TRUNK = started.collected();

type Trained = Pick<typeof TRUNK, "checkpoint">;

function context(from: Trained, config: object, seed = SEED) {
  return fakeContext(midtrain, {
    config: { micro_batch_size: 8, threads: 1, ...config },
    inputs: { checkpoint: Object.fromEntries(from.checkpoint), ...TOKENS },
    seed,
  });
}

async function branch(from: Trained, config: object, seed = SEED) {
  const fake = await context(from, config, seed);
  await midtrain.run(fake.ctx);
  return { ...fake.collected(), logs: fake.logs };
}

const stateOf = ({ checkpoint }: Trained) =>
  JSON.parse(new TextDecoder().decode(checkpoint.get("trainer_state.json")));

const fails = (config: object, message: RegExp, from: Trained = TRUNK) =>
  assert.rejects(() => branch(from, config), message);

const ARRAYS = ["model.safetensors", "optimizer.safetensors"];

Deno.test("lengths in tokens equal those in steps; the error for other values suggests the nearest", async () => {
  assert.equal(stateOf(TRUNK).step, 6);
  const [tokens, steps] = [
    await branch(TRUNK, { tokens: 3 * TOKENS_PER_STEP }),
    await branch(TRUNK, { steps: 3 }),
  ];
  for (const file of ARRAYS) {
    assert.deepEqual(tokens.checkpoint.get(file), steps.checkpoint.get(file));
  }
  await fails(
    { tokens: 300 },
    /tokens must be a multiple .* 8 × 16 = 128 tokens, got 300; use 256 or 384/,
  );
  await fails({ tokens: 3 }, /use 128$/);
  await fails({ tokens: 128, steps: 1 }, /tokens: set either tokens or steps/);
});

Deno.test("a reset optimizer has no moments, and its bias corrections count from the branch", async () => {
  const kept = await branch(TRUNK, { steps: 4 });
  const reset = await branch(TRUNK, { steps: 4, optimizer: "reset" });
  assert.deepEqual(reset.training.learning_rate, kept.training.learning_rate);
  assert.equal(reset.training.loss[0], kept.training.loss[0]); // the same weights and data
  assert.notEqual(reset.training.loss[1], kept.training.loss[1]);
  assert.equal(stateOf(reset).optimizer_start_step, 6);
  // The same when split in two phases: the second one's corrections still count from the branch.
  const one = await branch(TRUNK, { steps: 1, optimizer: "reset" });
  const two = await branch(one, { steps: 3 });
  for (const file of ARRAYS) assert.deepEqual(two.checkpoint.get(file), reset.checkpoint.get(file));
});

Deno.test("a reset optimizer resumes to the same bytes after an interruption", async () => {
  const config = {
    steps: 5,
    optimizer: "reset",
    data: "restart",
    mixture: { code: 1 },
    schedule: { shape: "wsd", peak_lr: 5e-3 },
  };
  const undisturbed = await branch(TRUNK, config);
  const first = await context(TRUNK, config);
  const report = (step: number) => step === 2 && first.abort(new Error("asked to stop"));
  await assert.rejects(() => midtrain.run({ ...first.ctx, report }), /asked to stop/);
  const second = await context(TRUNK, config);
  await midtrain.run({ ...second.ctx, checkpoints: first.ctx.checkpoints });
  const { logs: _, ...outputs } = undisturbed;
  assert.deepEqual(second.collected(), outputs);
});

Deno.test("a new schedule starts at the branch's first step, and later phases continue it", async () => {
  const config = {
    schedule: { shape: "linear", peak_lr: 4e-3, warmup_ratio: 0.25 },
    steps: 3,
    horizon_steps: 8,
  };
  const first = await branch(TRUNK, config);
  const second = await branch(first, {});
  const rates = [...first.training.learning_rate, ...second.training.learning_rate];
  const expected = [1 / 2, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0].map((left) => 4e-3 * left);
  assert.equal(rates.length, 8);
  rates.forEach((rate, t) => assert.ok(Math.abs(rate - expected[t]) < 1e-15, `${t}: ${rate}`));
  assert.deepEqual([...second.training.step], [10, 11, 12, 13, 14]);
  await fails({ horizon_steps: 20 }, /schedule: "keep" also keeps the horizon/);
  await fails({ schedule: config.schedule }, /needs a length: set steps or tokens/);
  await fails(
    { ...config, steps: 9 },
    /a horizon of 8 steps is shorter than this phase of 9 steps; raise horizon_steps/,
  );
  await fails({ schedule: { peak_lr: 1, decay: "linear" }, steps: 1 }, /has no field "decay"/);
  await fails({ schedule: { rewarm: { peak: 1 } }, steps: 1 }, /rewarm.*peak_lr|rewarm.*"peak"/);
  await fails({ schedule: "new" }, /must be "keep", \{ rewarm/);
});

Deno.test("rewarming starts at the learning rate of the checkpoint", async () => {
  const { training } = await branch(TRUNK, {
    schedule: { rewarm: { peak_lr: 8e-3, warmup_steps: 2 } },
    tokens: 6 * TOKENS_PER_STEP,
  });
  const last = TRUNK.training.learning_rate.at(-1)!;
  const [first, second] = training.learning_rate;
  assert.ok(Math.abs(first - (last + 8e-3) / 2) < 1e-15 && second === 8e-3, `${first}, ${second}`);
  assert.ok(Math.abs(training.learning_rate.at(-1)!) < 1e-15); // the trunk's cosine, to its min_lr
});

Deno.test("a constant schedule has no end", async () => {
  const constant = { schedule: { shape: "constant", peak_lr: 1e-3, warmup_ratio: 0 }, steps: 1 };
  const first = await branch(TRUNK, constant);
  const { training } = await branch(first, { steps: 3 });
  assert.deepEqual([...training.learning_rate], [1e-3, 1e-3, 1e-3]);
  await fails({}, /no room for more steps/, first);
});

Deno.test("restarted data are drawn from the beginning, in the order of the step's seed", async () => {
  const again = { data: "restart", mixture: { general: 1 }, steps: 6 } as const;
  const { samples, mixture, checkpoint } = await branch(TRUNK, again);
  assert.deepEqual(samples.text, TRUNK.samples.text);
  assert.deepEqual([mixture.from_token[0], mixture.to_token[0]], [0, 6 * TOKENS_PER_STEP]);
  // The same 6 steps for the second time.
  assert.equal(mixture.epochs[0], 2 * mixture.phase_epochs[0]);
  const { mixture: pieces, data_start_step, seed } = stateOf({ checkpoint });
  assert.deepEqual([pieces, data_start_step], [[{ from: 0, weights: { general: 1 } }], 6]);
  assert.equal(seed, SEED);
  const other = await branch(TRUNK, again, 8);
  assert.notDeepEqual(other.samples.text, samples.text);
});

Deno.test("a restart tells how much of what it draws was drawn before, and the ledger counts it", async () => {
  const line = ({ logs }: { logs: string[] }) => logs.filter((text) => /start over/.test(text));
  const mixture = { general: 0.5, code: 0.5 };
  const schedule = { peak_lr: 1e-3 };
  const again = { schedule, data: "restart", mixture, steps: 4 } as const;
  const first = await branch(TRUNK, again);
  // 4 steps of 8 sequences of 16 tokens, half of them of the source that the trunk drew 6 steps of.
  assert.deepEqual(line(first), [
    'the data start over: of 256 tokens of "general" 256 are repeated',
  ]);
  /** Tokens of the source that the run has drawn, by the ledger. */
  const drawn = ({ mixture }: typeof first, source: string) => {
    const row = mixture.source.indexOf(source);
    return Math.round(mixture.epochs[row] * mixture.available_tokens[row]);
  };
  assert.equal(drawn(first, "general"), 768 + 256);
  // Phases after it continue, and the second restart repeats the longest beginning so far.
  const kept = await branch(first, { schedule, steps: 2 });
  assert.deepEqual(line(kept), []);
  assert.equal(drawn(kept, "general"), 768 + 384);
  const second = await branch(kept, { ...again, mixture: { general: 1, code: 1 }, steps: 15 });
  assert.deepEqual(line(second), [
    'the data start over: of 960 tokens of "code" 384 are repeated; of 960 tokens of "general" 768 are repeated',
  ]);
  assert.equal(drawn(second, "general"), 768 + 384 + 960);
  const other = await branch(TRUNK, again, 8);
  assert.deepEqual(line(other), [
    'the data start over: 256 tokens of "general", of which 768 were drawn before, in another order',
  ]);
});

Deno.test("repeats are counted from the restart", async () => {
  // 6 steps took 48 sequences; 10 more take 80, which fit the source but not what is left of it.
  const long = { schedule: { peak_lr: 1e-3 }, steps: 15, mixture: { general: 1 } };
  await fails(long, /would repeat data: "general" needs 2,688 tokens \(768 of them already used/);
  const restarted = await branch(TRUNK, { ...long, data: "restart" });
  assert.equal(restarted.training.step.length, 15);
  // A later phase may use the data that is left since the restart.
  await fails({ ...long, steps: 5 }, /already used by earlier phases/, restarted);
  await fails({ data: "restart" }, /mixture must be set with data "restart"/);
});

Deno.test("continued pretraining uses specialised data only, and keeps everything else", async () => {
  const preset = "continued_pretrain";
  const plain = await branch(TRUNK, { mixture: { code: 1 } });
  const named = await branch(TRUNK, { mixture: { code: 1 }, preset });
  for (const file of ARRAYS) {
    assert.deepEqual(named.checkpoint.get(file), plain.checkpoint.get(file));
  }
  const [, { branch: choices }] = stateOf(named).lineage;
  assert.deepEqual([choices.optimizer, choices.schedule, choices.data], ["keep", "keep", "keep"]);
  await fails({ preset }, /mixture must be set for continued_pretrain/);
  const message = /specialised data only, but the run began with "general"/;
  await fails({ preset, mixture: { code: 0.9, general: 0.1 } }, message);
  const points = [
    { after_tokens: 0, weights: { code: 1 } },
    { after_tokens: TOKENS_PER_STEP, weights: { general: 1 } },
  ];
  await fails({ preset, mixture: points }, message);
  // A restart of the data does not change what the run began with.
  const restarted = await branch(TRUNK, { data: "restart", mixture: { code: 1 }, steps: 2 });
  await fails({ preset, mixture: { general: 1 } }, message, restarted);
});

Deno.test("a checkpoint stores the phases it comes from, and the log lists them", async () => {
  const first = await branch(TRUNK, { mixture: { general: 0.75, code: 0.25 }, steps: 2 });
  const { checkpoint, logs } = await branch(first, {
    mixture: { code: 1 },
    data: "restart",
    optimizer: "reset",
    schedule: { rewarm: { peak_lr: 1e-3 } },
    steps: 3,
  });
  const parent = "0".repeat(64); // what the context in memory says of every file
  const keep = { optimizer: "keep", schedule: "keep", data: "keep" };
  assert.deepEqual(stateOf({ checkpoint }).lineage, [
    {
      stage: "pretrain",
      from_step: 0,
      to_step: 6,
      from_tokens: 0,
      to_tokens: 768,
      mixture: [{ from: 0, weights: { general: 1 } }],
    },
    {
      stage: "midtrain",
      from_step: 6,
      to_step: 8,
      from_tokens: 768,
      to_tokens: 1024,
      mixture: [{ from: 48, weights: { code: 0.25, general: 0.75 } }],
      branch: { parent, preset: "midtrain", ...keep },
    },
    {
      stage: "midtrain",
      from_step: 8,
      to_step: 11,
      from_tokens: 1024,
      to_tokens: 1408,
      mixture: [{ from: 0, weights: { code: 1 } }],
      branch: {
        parent,
        preset: "midtrain",
        optimizer: "reset",
        schedule: "rewarm",
        data: "restart",
      },
    },
  ]);
  const lines = logs.filter((line) => line.startsWith("lineage: "));
  assert.equal(lines.length, 3);
  assert.match(lines[0], /pretrain, steps 0 to 6, 768 tokens: 100% general$/);
  assert.match(
    lines[1],
    /25% code \+ 75% general; of checkpoint 0{12}, .*schedule kept, data kept$/,
  );
  assert.match(
    lines[2],
    /weights kept, optimizer reset, schedule warmed up again, data from the beginning$/,
  );
});

Deno.test("training can continue from a fine-tuned checkpoint if the data restart", async () => {
  const fake = await fakeContext(sft, {
    config: {
      sources: ["code"],
      epochs: 0.2,
      sequence_length: 16,
      global_batch_size: 8,
      schedule: { shape: "constant", peak_lr: 1e-3 },
      threads: 1,
    },
    inputs: { checkpoint: tinyModel(3), ...TOKENS },
  });
  await sft.run(fake.ctx);
  const tuned = fake.collected();
  await fails({ mixture: { code: 1 }, steps: 2 }, /not trained on a mixture.*"restart"/, tuned);
  const { training } = await branch(tuned, { mixture: { code: 1 }, steps: 2, data: "restart" });
  assert.deepEqual([...training.step], [5, 6]);
});

Deno.test("an imported model has nothing to keep but its weights", async () => {
  const trained = { steps: 100, tokens: 12_800, sequence_length: 16, global_batch_size: 8 };
  const imported = {
    checkpoint: new Map(Object.entries({
      ...tinyModel(3),
      "trainer_state.json": JSON.stringify(importedState(trained, SEED)),
    })),
  } as unknown as Trained;
  const fails = (config: object, message: RegExp) =>
    assert.rejects(() => branch(imported, { mixture: { code: 1 }, ...config }), message);
  await fails(
    {},
    /imported model, which has no schedule to keep: set a schedule.*shape: "cosine".*and steps or tokens; and has no data position to keep: set data "restart"/,
  );
  await fails({ data: "restart", steps: 4 }, /no schedule to keep: set a schedule.*"cosine" } }$/);
  await fails(
    { data: "restart", steps: 4, schedule: { rewarm: { peak_lr: 1e-3 } } },
    /no schedule whose shape could start again: set rewarm.shape, such as "cosine"/,
  );
  await fails(
    { data: "restart", steps: 4, schedule: { rewarm: { peak_lr: 1e-3, min_lr: 1e-5 } } },
    /min_lr.*needs a shape/,
  );
  const rewarm = { peak_lr: 1e-3, shape: "cosine", min_lr: 1e-4, warmup_steps: 2 };
  const { training, logs } = await branch(imported, {
    mixture: { code: 1 },
    data: "restart",
    steps: 4,
    schedule: { rewarm },
  });
  const expected = [5e-4, 1e-3, 5.5e-4, 1e-4];
  training.learning_rate.forEach((rate, i) => assert.ok(Math.abs(rate - expected[i]) < 1e-12));
  assert.match(logs.join(), /imported model has no optimizer state/);
});
