/**
 * Workers: any number of them gives the same bits, whichever is faster, and a run that is stopped or killed within a step
 * ends with the same bits. Deno's test runner fails a test that leaves a worker behind.
 */
import assert from "node:assert/strict";
import { kernelsTest } from "../../tests/shared/devices.ts";
import { TINY_MODEL, VOCAB_SIZE } from "../../tests/shared/tiny_training.ts";
import { BatchSource, type MicroBatch, type Sequence } from "../batches/mod.ts";
import { compile, type Compute, computeOptions, SessionCache, SessionPool } from "../engine/mod.ts";
import { hostWeights, initialize, ParameterArrays } from "../model/mod.ts";
import { Random } from "../random/mod.ts";
import { Store, StoredCheckpoints } from "../store/mod.ts";
import {
  Evaluator,
  freshArrays,
  freshState,
  HiddenStates,
  HostTrainer,
  model_schema,
  modelConfig,
  optimizer_schema,
  type Phase,
  resolveSchedule,
  schedule_schema,
  trainPhase,
} from "./mod.ts";

const config = modelConfig(model_schema.parse(TINY_MODEL), VOCAB_SIZE);
const optimizer = optimizer_schema.parse({});

/** 12 sequences of 16 inputs. */
function sequences(step: number): Sequence[] {
  const random = new Random(3, "workers", step);
  return Array.from({ length: 12 }, () => {
    const tokens = Uint16Array.from({ length: 17 }, () => random.below(VOCAB_SIZE));
    return { tokens, loss_spans: [0, tokens.length], source: "s" };
  });
}

const batches = new BatchSource({ batch: sequences }, { micro_batch_size: 2, lengths: [16] });

function weights(): ParameterArrays {
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, 1);
  return parameters;
}

function startTrainer(compute: Partial<Compute>, pool?: SessionPool) {
  const options = computeOptions({ threads: 1, ...compute });
  return new HostTrainer(freshArrays(weights()), optimizer, options, undefined, pool);
}

/** Losses, norms and weights of three steps. */
async function train(compute: Partial<Compute>, pool?: SessionPool) {
  const trainer = startTrainer(compute, pool);
  const results = [];
  for (let step = 0; step < 3; step++) {
    results.push(await trainer.step(batches.batch(step).micro_batches, 1e-2));
  }
  const { parameters: { groups } } = await trainer.arrays();
  await trainer.release();
  return { results, groups };
}

/** A pool in this thread whose members answer after a random time. */
function delayedPool(size: number, random: Random, kernels: Compute["kernels"]): SessionPool {
  const members = Array.from(
    { length: size },
    () =>
      new SessionCache({ threads: 1, kernels }, async (graph, options) => {
        const session = await compile(graph, options);
        const run: typeof session.run = async (...args) => {
          await new Promise((resolve) => setTimeout(resolve, random.below(8)));
          return await session.run(...args);
        };
        return { run, runKeeping: () => assert.fail(), release: () => session.release() };
      }),
  );
  return new SessionPool(members, true);
}

/** One thread adds to the sum inside the products, in another order. */
const TOLERANCE = 1e-6;

kernelsTest(
  "any number of workers gives the same bits, near those of one thread",
  async (kernels) => {
    const one = await train({ workers: 1, kernels });
    for (const workers of [2, 3]) assert.deepEqual(await train({ workers, kernels }), one);
    for (let repeat = 0; repeat < 5; repeat++) {
      const pool = delayedPool(2 + repeat % 3, new Random(repeat, "delays", 0), kernels);
      assert.deepEqual(await train({ kernels }, pool), one, `repeat ${repeat}`);
    }
    const thread = await train({ workers: 0, kernels });
    thread.results.forEach(({ loss, grad_norm }, step) => {
      assert.ok(Math.abs(loss - one.results[step].loss) < TOLERANCE);
      assert.ok(Math.abs(grad_norm - one.results[step].grad_norm) < TOLERANCE);
    });
  },
);

Deno.test("losses and hidden states from workers have the bits of one thread", async () => {
  const measure = async (workers: number) => {
    const compute = computeOptions({ threads: 1, workers });
    await using evaluator = new Evaluator({ ...batches.options, compute });
    await using hidden = new HiddenStates(compute);
    const model = hostWeights(weights()), done: number[] = [];
    const loss = await evaluator.loss(model, sequences(7), {
      onBatch: (count) => done.push(count),
    });
    return { loss, done, states: await hidden.compute([model, model], sequences(8)) };
  };
  assert.deepEqual(await measure(2), await measure(0));
});

Deno.test("a step that is stopped or fails in a worker leaves the weights unchanged", async () => {
  const before = weights().groups;
  const [first, ...others] = batches.batch(0).micro_batches;
  const bad: MicroBatch = { ...others[0], labels: new Int32Array(3) };
  const trainer = startTrainer({ workers: 2 });
  await assert.rejects(trainer.step([first, bad, ...others], 1), /"labels" must be int32/);
  const controller = new AbortController();
  const stopped = trainer.step([first, ...others], 1, controller.signal);
  controller.abort(new Error("asked to stop"));
  await assert.rejects(stopped, /asked to stop/);
  assert.deepEqual((await trainer.arrays()).parameters.groups, before);
  await trainer.release();
});

function makePhase(micro_batch_size: number, onBatch = (_step: number) => {}): Phase {
  const schedule = resolveSchedule(schedule_schema.parse({ peak_lr: 1e-2 }), 100);
  const sizes = { sequence_length: 16, global_batch_size: 12 };
  const batch = (step: number) => {
    onBatch(step);
    return sequences(step);
  };
  return {
    steps: 4,
    start: freshState({ schedule, optimizer, ...sizes, seed: 1, phase: "pretrain" }),
    batches: new BatchSource({ batch }, { micro_batch_size, lengths: [16] }),
    validation: new Map([["s", { sequences: sequences(9), bytes_per_token: 4 }]]),
    validate_every: 2,
    compute: computeOptions({ threads: 1, workers: 3 }),
  };
}

Deno.test("a run that is stopped within a step resumes to the same bits", async () => {
  const root = await Deno.makeTempDir();
  const store = new Store(root);
  store.open();
  const run = async (key: string, phase: Phase, signal = new AbortController().signal) => {
    const checkpoints = new StoredCheckpoints(store.workFolder(key)), logs: string[] = [];
    const log = (message: string) => void logs.push(message);
    const ctx = { signal, checkpoints, report: () => {}, log };
    const { files } = await trainPhase(ctx, phase, () => Promise.resolve(freshArrays(weights())));
    return { files, logs };
  };
  const whole = await run("whole", makePhase(2));
  const controller = new AbortController();
  // Three of six micro-batches have begun then.
  const stop = () => controller.abort(new Error("asked to stop"));
  const stopAt = (step: number) => step === 2 && queueMicrotask(stop);
  await assert.rejects(run("stopped", makePhase(2, stopAt), controller.signal), /asked to stop/);
  const resumed = await run("stopped", makePhase(2));
  assert.deepEqual(resumed.logs, ["resuming at step 2 of 4"]);
  assert.deepEqual(resumed.files, whole.files);
  assert.deepEqual((await run("smaller", { ...makePhase(12), steps: 1 })).logs, [
    "micro-batches of 4 sequences instead of 12, so that all 3 workers have work",
  ]);
  await Deno.remove(root, { recursive: true });
});
