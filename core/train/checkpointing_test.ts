import { computeOptions } from "../engine/mod.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { BatchSource, type Sequence } from "../batches/mod.ts";
import { initialize, ParameterArrays, toHuggingFace } from "../model/mod.ts";
import type { CheckpointWriter, DeferredCheckpoint } from "../stage/mod.ts";
import { Store, StoredCheckpoints } from "../store/mod.ts";
import { TINY_MODEL, VOCAB_SIZE } from "../../tests/shared/tiny_training.ts";
import { encodeCheckpoint } from "./checkpoint.ts";
import encodeSnapshot, { Checkpointing, type Snapshot } from "./checkpointing.ts";
import { DeviceTrainer } from "./device_trainer.ts";
import { METRICS, MetricsHistory } from "./metrics.ts";
import {
  freshArrays,
  freshState,
  type KeepOptions,
  keptSteps,
  model_schema,
  modelConfig,
  optimizer_schema,
  type Phase,
  resolveSchedule,
  schedule_schema,
  type TrainingArrays,
  trainPhase,
} from "./mod.ts";

const model = modelConfig(model_schema.parse(TINY_MODEL), VOCAB_SIZE);
const optimizer = optimizer_schema.parse({});
const compute = computeOptions({ threads: 1 });

function sequence(first: number): Sequence {
  const tokens = new Uint16Array(17);
  tokens[0] = first % 63;
  for (let i = 0; i < 16; i++) tokens[i + 1] = (2 * tokens[i] + 1) % 63;
  return { tokens, loss_spans: [0, tokens.length], source: "synthetic" };
}

function makePhase(steps: number, keep?: KeepOptions, first_step = 0): Phase {
  const schedule = resolveSchedule(schedule_schema.parse({ peak_lr: 1e-2 }), 100);
  const sizes = { sequence_length: 16, global_batch_size: 4 };
  const start = freshState({ schedule, optimizer, ...sizes, seed: 1, phase: "pretrain" });
  return {
    steps,
    start: { ...start, step: first_step },
    batches: new BatchSource({
      batch: (step) => Array.from({ length: 4 }, (_, i) => sequence(4 * step + i)),
    }, { micro_batch_size: 4, lengths: [16] }),
    validation: new Map([["synthetic", {
      sequences: [sequence(5), sequence(6)],
      bytes_per_token: 4,
    }]]),
    validate_every: 4,
    compute,
    keep,
  };
}

function prepare(): Promise<TrainingArrays> {
  const parameters = new ParameterArrays(model, optimizer.decay_scope);
  initialize(parameters, 1);
  return Promise.resolve(freshArrays(parameters));
}

async function withStore(use: (store: Store) => Promise<void>) {
  const root = await Deno.makeTempDir();
  try {
    await use(new Store(root));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** Trains on a store; `stop_at` are steps of the phase after which the run is interrupted and started again. */
async function trainOn(store: Store, phase: Phase, stop_at: readonly number[] = []) {
  store.open();
  const logs: string[] = [];
  const folder = store.workFolder("key");
  for (const stop of [...stop_at, Infinity]) {
    const controller = new AbortController();
    const ctx = {
      signal: controller.signal,
      checkpoints: new StoredCheckpoints(folder, (message) => logs.push(message)),
      report: (step: number) => step === stop && controller.abort(new Error("asked to stop")),
      log: (message: string) => logs.push(message),
    };
    const training = trainPhase(ctx, phase, prepare);
    if (stop === Infinity) return { ...await training, logs, folder };
    await assert.rejects(training, /asked to stop/);
  }
  throw new Error("unreachable");
}

type Trained = Awaited<ReturnType<typeof trainOn>>;

/** Files of the kept checkpoints, by their digests. */
const keptFiles = ({ kept }: Trained) =>
  kept.map(({ step, names, path }) => ({
    step,
    files: names.map((name) => [name, path(name).split("/").at(-1)]),
  }));

Deno.test("kept steps are those listed, and the last of the regular ones", () => {
  assert.deepEqual(keptSteps({}, 0, 100), []);
  assert.deepEqual(keptSteps({ keep_steps: [100, 0, 7, 7] }, 0, 100), [0, 7, 100]);
  assert.deepEqual(keptSteps({ keep_every_steps: 40 }, 0, 100), [40, 80]);
  assert.deepEqual(keptSteps({ keep_every_steps: 40 }, 80, 40), [120]);
  assert.deepEqual(keptSteps({ keep_every_steps: 10, keep_last: 2 }, 35, 20), [40, 50]);
  assert.deepEqual(keptSteps({ keep_steps: [20], keep_every_steps: 10, keep_last: 1 }, 0, 30), [
    20,
    30,
  ]);
  for (const step of [79, 121]) {
    const outside = new RegExp(`step ${step} is outside this phase, steps 80 to 120`);
    assert.throws(() => keptSteps({ keep_steps: [step] }, 80, 40), outside);
  }
  assert.throws(() => keptSteps({ keep_last: 2 }, 0, 10), /keep_last needs keep_every_steps/);
});

Deno.test("a kept checkpoint equals the end of a phase of that length", () =>
  withStore(async (store) => {
    const { kept } = await trainOn(store, makePhase(12, { keep_steps: [0, 5, 12] }));
    assert.deepEqual(kept.map(({ step }) => step), [0, 5, 12]);
    for (const { step, names, read } of kept) {
      const { files } = await trainOn(new Store(join(store.root, `${step}`)), makePhase(step));
      assert.deepEqual(names.toSorted(), Object.keys(files).sort());
      for (const [name, bytes] of Object.entries(files)) {
        assert.deepEqual(await read(name), bytes, `${name} of step ${step}`);
      }
    }
  }));

Deno.test("steps are counted on the schedule", () =>
  withStore(async (store) => {
    const { kept } = await trainOn(store, makePhase(10, { keep_every_steps: 8 }, 20));
    assert.deepEqual(kept.map(({ step }) => step), [24]);
  }));

Deno.test("an interrupted run keeps the same checkpoints, and ends with the same bytes", () =>
  withStore(async (store) => {
    const phase = makePhase(20, { keep_steps: [3], keep_every_steps: 4, keep_last: 3 });
    const undisturbed = await trainOn(new Store(join(store.root, "a")), phase);
    assert.deepEqual(undisturbed.kept.map(({ step }) => step), [3, 12, 16, 20]);
    // Before and after a kept step, and at one.
    const stops = [2, 5, 12, 18];
    const resumed = await trainOn(new Store(join(store.root, "b")), phase, stops);
    assert.match(resumed.logs.join("\n"), /resuming at step 18 of 20/);
    assert.deepEqual(keptFiles(resumed), keptFiles(undisturbed));
    assert.deepEqual(resumed.files, undisturbed.files);
    assert.deepEqual(resumed.history, undisturbed.history);
    // Where it was interrupted does not show in the rows either, each of which is written once.
    const rows = ({ folder }: Trained) => Deno.readTextFileSync(join(folder, "rows", METRICS));
    assert.equal(rows(resumed), rows(undisturbed));
    const { training, validation } = undisturbed.history;
    assert.equal(rows(resumed).split("\n").length - 1, training.length + validation.length);
  }));

Deno.test("a lost kept checkpoint is made again, without using later ones", () =>
  withStore(async (store) => {
    const phase = makePhase(20, { keep_steps: [4, 8, 12] });
    const undisturbed = await trainOn(new Store(join(store.root, "a")), phase);
    const damaged = new Store(join(store.root, "b"));
    const { kept } = await trainOn(damaged, phase, [14]);
    const path = kept[1].path("optimizer.safetensors");
    Deno.chmodSync(path, 0o644);
    Deno.writeTextFileSync(path, "x", { append: true });
    const again = await trainOn(damaged, phase);
    assert.match(again.logs[0], /checkpoint of step 8 is damaged/);
    assert.match(again.logs[1], /resuming at step 4 of 20/);
    assert.deepEqual(keptFiles(again), keptFiles(undisturbed));
    assert.deepEqual(again.files, undisturbed.files);
  }));

Deno.test("a checkpoint that cannot be written fails the phase; earlier ones stay", () =>
  withStore(async (store) => {
    const phase = makePhase(20, { keep_steps: [10] });
    const folder = store.workFolder("key");
    const open = store.open;
    // A file in the way of a folder that objects are written to: what a full disk does, on any machine.
    store.open = () => {
      open.call(store);
      Deno.removeSync(join(store.root, "tmp"));
      Deno.writeTextFileSync(join(store.root, "tmp"), "");
    };
    await assert.rejects(
      trainOn(store, phase, [6]),
      /checkpoint of step 10 could not be written: N/,
    );
    assert.equal((await new StoredCheckpoints(folder).latest())?.step, 6);
    store.open = open;
    const { logs, kept } = await trainOn(store, phase);
    assert.match(logs[0], /resuming at step 6/);
    assert.deepEqual(kept.map(({ step }) => step), [10]);
  }));

Deno.test("keeping checkpoints without a writer fails before the first step", async () => {
  const ctx = {
    signal: new AbortController().signal,
    checkpoints: { latest: () => Promise.resolve(undefined), save: () => Promise.resolve() },
    report: () => assert.fail("no step"),
    log: () => {},
  };
  const training = trainPhase(ctx, makePhase(5, { keep_steps: [1] }), prepare);
  await assert.rejects(training, /cannot be kept: the runner/);
});

/** A writer that a test finishes by hand. */
class HeldWriter implements CheckpointWriter {
  readonly taken: (DeferredCheckpoint<Snapshot> & { finish(error?: Error): void })[] = [];
  is_closed = false;
  write<T>(checkpoint: DeferredCheckpoint<T>): Promise<T> {
    // As postMessage does: shared memory stays shared.
    const data = structuredClone(checkpoint.data, { transfer: [...checkpoint.buffers] });
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const finish = (error?: Error) => error ? reject(error) : resolve(data);
    this.taken.push({ ...checkpoint, data: data as Snapshot, finish });
    return promise;
  }
  close(): void {
    this.is_closed = true;
  }
}

async function heldCheckpointing() {
  const writer = new HeldWriter();
  const checkpointing = new Checkpointing({
    latest: () => Promise.resolve(undefined),
    save: () => Promise.resolve(),
    openWriter: () => writer,
  });
  const arrays = await prepare();
  const state = makePhase(5).start;
  const rows = new MetricsHistory().takeNew();
  const config_json = toHuggingFace(model);
  const current = () => Promise.resolve({ arrays, state, config_json, rows });
  return { writer, checkpointing, arrays, state, current };
}

Deno.test("a checkpoint has the values at the time save returned, whatever the trainer does later", async () => {
  const { writer, checkpointing, arrays, state, current } = await heldCheckpointing();
  const before = encodeCheckpoint(arrays, state);
  await checkpointing.save(false, current);
  arrays.parameters.fill(7);
  arrays.m.fill(8);
  assert.deepEqual(encodeSnapshot(writer.taken[0].data), before);
  writer.taken[0].finish();
  await checkpointing.close();
  assert.ok(writer.is_closed);
});

Deno.test("one checkpoint is written at a time, and its buffers are reused", async () => {
  const { writer, checkpointing, current } = await heldCheckpointing();
  await checkpointing.save(false, current);
  assert.ok(checkpointing.is_busy);
  const second = checkpointing.save(true, current);
  await checkpointing.listen();
  assert.equal(writer.taken.length, 1); // the second waits
  const { groups } = writer.taken[0].data.arrays.parameters;
  writer.taken[0].finish();
  await second;
  assert.deepEqual(writer.taken.map(({ keep }) => keep), [false, true]);
  groups.decay[0] = 42;
  assert.equal(writer.taken[1].data.arrays.parameters.groups.decay[0], 42); // the same memory
  writer.taken[1].finish();
  await checkpointing.settled();
  assert.ok(!checkpointing.is_busy);
});

Deno.test("a failure of the writer is thrown at the next step, and by every later call", async () => {
  const { writer, checkpointing, current } = await heldCheckpointing();
  await checkpointing.save(false, current);
  writer.taken[0].finish(new Error("no space left"));
  await assert.rejects(checkpointing.listen(), /no space left/);
  await assert.rejects(checkpointing.save(true, current), /no space left/);
  await assert.rejects(checkpointing.settled(), /no space left/);
  await checkpointing.close();
});

Deno.test("arrays of a device give the same files", () =>
  withStore(async (store) => {
    store.open();
    const arrays = await prepare();
    const state = makePhase(5).start;
    const trainer = await DeviceTrainer.create(arrays, optimizer, compute);
    const checkpoints = new StoredCheckpoints(store.workFolder("key"));
    const checkpointing = new Checkpointing(checkpoints);
    const rows = new MetricsHistory().takeNew();
    for (const keep of [false, true]) {
      await checkpointing.save(keep, async () => {
        return { arrays: await trainer.arrays(), state, config_json: toHuggingFace(model), rows };
      });
    }
    await checkpointing.settled();
    await checkpointing.close();
    await trainer.release();
    const [saved, [kept]] = [await checkpoints.latest(), await checkpoints.kept()];
    for (const [name, bytes] of Object.entries(encodeCheckpoint(arrays, state))) {
      assert.deepEqual(await saved!.read(name), bytes, name);
      assert.deepEqual(await kept.read(name), bytes, name);
    }
  }));
