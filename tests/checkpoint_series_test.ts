/** Checkpoints along training, from the trainer's output to a task that continues from one of them. */
import { computeOptions } from "@causeway/core/engine";
import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { BatchSource, type Sequence } from "@causeway/core/batches";
import { initialize, ParameterArrays } from "@causeway/core/model";
import { defineRecipe, type RecipeDraft } from "@causeway/core/recipe";
import { Interrupted, run } from "@causeway/core/runner";
import { defineStage, many, ports } from "@causeway/core/stage";
import {
  artifactObjects,
  findLeftovers,
  listFolder,
  openFiles,
  removeLeftovers,
  Store,
} from "@causeway/core/store";
import {
  checkpointing_fields,
  checkpointReader,
  freshArrays,
  freshState,
  loadArrays,
  loadTrainerState,
  model_schema,
  modelConfig,
  optimizer_schema,
  resolveSchedule,
  schedule_schema,
  training_outputs,
  trainPhase,
  writePhase,
} from "@causeway/core/train";
import { midtrain, pretrain, select_checkpoint, tokenize } from "@causeway/stages";
import { TINY_MODEL, TINY_TOKENIZER, VOCAB_SIZE } from "./shared/tiny_training.ts";
import { brokenObjects } from "./faults/traces.ts";
import { withFolder } from "./shared/commands.ts";

const model = modelConfig(model_schema.parse(TINY_MODEL), VOCAB_SIZE);
const optimizer = optimizer_schema.parse({});

const tokenizer = defineStage({
  name: "tokenizer",
  version: "1",
  description: "Writes a tokenizer.",
  config: z.strictObject({}),
  inputs: {},
  outputs: { tokenizer: ports.tokenizer },
  async run({ outputs }) {
    for (const [name, text] of Object.entries(TINY_TOKENIZER)) {
      await outputs.tokenizer.write(name, text);
    }
  },
});

/** Called after each step of training; events of the run come later. */
let onStep: (step: number) => void = () => {};

const train = defineStage({
  name: "train",
  version: "1",
  description: "Trains a tiny model.",
  config: z.strictObject({ steps: z.number(), ...checkpointing_fields }),
  inputs: { tokenizer: ports.tokenizer },
  outputs: training_outputs,
  async run(ctx) {
    const { config: { steps, ...keep }, inputs, outputs } = ctx;
    const tokens = Uint16Array.from({ length: 17 }, (_, i) => 1 + (i * i) % 63);
    const sequence: Sequence = { tokens, loss_spans: [0, tokens.length], source: "synthetic" };
    const phase = {
      steps,
      start: freshState({
        schedule: resolveSchedule(schedule_schema.parse({ peak_lr: 1e-2 }), 100),
        optimizer,
        sequence_length: 16,
        global_batch_size: 1,
        seed: 1,
        phase: "pretrain",
      }),
      batches: new BatchSource({ batch: () => [sequence] }, { micro_batch_size: 1, lengths: [16] }),
      validation: new Map(),
      validate_every: steps,
      compute: computeOptions({ threads: 1 }),
      keep,
      tokenizer: inputs.tokenizer,
    };
    const watched = {
      ...ctx,
      report: (...given: Parameters<typeof ctx.report>) => {
        ctx.report(...given);
        onStep(given[0]);
      },
    };
    const result = await trainPhase(watched, phase, () => {
      const parameters = new ParameterArrays(model, optimizer.decay_scope);
      initialize(parameters, 1);
      return Promise.resolve(freshArrays(parameters));
    });
    await writePhase(outputs, phase, result);
  },
});

/** Reads the state of checkpoints, like a stage that continues from them. */
const places = defineStage({
  name: "places",
  version: "1",
  description: "Loads checkpoints.",
  config: z.strictObject({}),
  inputs: { checkpoints: many(ports.checkpoint) },
  outputs: { places: ports.tokenizer },
  async run({ inputs, outputs }) {
    for (const [label, checkpoint] of Object.entries(inputs.checkpoints)) {
      assert.ok(checkpoint.names.includes("tokenizer.json"));
      const read = checkpointReader(checkpoint);
      const state = await loadTrainerState(read);
      const { parameters } = await loadArrays(read, state);
      const weight = parameters.groups.decay[0];
      await outputs.places.write(label, JSON.stringify({ step: state.step, weight }));
    }
  },
});

function makeRecipe(
  keep: z.input<z.ZodObject<typeof checkpointing_fields>>,
  at: number[],
): RecipeDraft {
  return defineRecipe({ name: "series", description: "Series.", seed: 1 }, (recipe) => {
    const words = recipe.step("words", tokenizer, {});
    const trunk = recipe.step("trunk", train, { config: { steps: 12, ...keep }, inputs: words });
    const taken = at.map((step) => {
      const config = { step };
      const inputs = { checkpoints: trunk.checkpoints };
      return [
        `at_${step}`,
        recipe.step(`at_${step}`, select_checkpoint, { config, inputs }).checkpoint,
      ];
    });
    const checkpoints = { end: trunk.checkpoint, ...Object.fromEntries(taken) };
    recipe.publish(recipe.step("places", places, { inputs: { checkpoints } }).places);
  });
}

Deno.test("a checkpoint along training is selected without copying, and training can continue from it", () =>
  withFolder(async (out) => {
    const state = await run(makeRecipe({ keep_steps: [0, 4], keep_every_steps: 6 }, [0, 4, 12]), {
      out,
    });
    const store = new Store(join(out, "store"));
    const outputs = (id: string) => state.steps.find((step) => step.id === id)!.outputs!;
    const files = async (id: string, output: string) => {
      const artifact = outputs(id)[output];
      const objects = await artifactObjects(artifact, store.objectPath(artifact.digest));
      return objects.map((object) => ({ ...object, name: (object as { name?: string }).name! }));
    };
    const series = await files("trunk", "checkpoints");
    const folders = new Set(series.map(({ name }) => name.split("/")[0]));
    const expected = ["step-000000", "step-000004", "step-000006", "step-000012"];
    assert.deepEqual([...folders].sort(), ["checkpoints.json", ...expected]);
    assert.ok(!series.some(({ name }) => name.endsWith("metrics.json")));
    // The last of the series is the checkpoint that training ends with.
    assert.equal(outputs("at_12").checkpoint.digest, outputs("trunk").checkpoint.digest);
    const taken = await files("at_4", "checkpoint");
    const in_series = series.filter(({ name }) => name.startsWith("step-000004/"));
    assert.deepEqual(taken.map(({ digest }) => digest), in_series.map(({ digest }) => digest));
    const place = (label: string) => JSON.parse(Deno.readTextFileSync(join(out, "series", label)));
    assert.deepEqual([0, 4, 12].map((step) => place(`at_${step}`).step), [0, 4, 12]);
    assert.deepEqual(place("at_12"), place("end"));
    assert.notEqual(place("at_4").weight, place("end").weight);
    assert.deepEqual(await brokenObjects(out), []);
  }));

Deno.test("an interrupted run gives the same series and leaves no temporary files", () =>
  withFolder(async (out) => {
    const recipe = makeRecipe({ keep_every_steps: 3 }, [6]);
    const whole = await run(recipe, { out: join(out, "whole") });
    for (const stop_at of [2, 3, 8]) {
      const controller = new AbortController();
      const stopped = run(recipe, {
        out: join(out, "cut"),
        signal: controller.signal,
        onEvent(event) {
          const last = event.type === "report" ? event.points.at(-1)![0] : 0;
          if (last >= stop_at) controller.abort(new Interrupted());
        },
      });
      await stopped.catch((error) => assert.ok(error instanceof Interrupted, String(error)));
    }
    const cut = await run(recipe, { out: join(out, "cut") });
    const lock = (name: string) => JSON.parse(Deno.readTextFileSync(join(out, name, "lock.json")));
    assert.deepEqual(lock("cut"), lock("whole"));
    const series = ({ recipes: { series: { steps } } }: ReturnType<typeof lock>, name: string) =>
      new Store(join(out, name, "store")).readManifest(steps.trunk)!.outputs;
    assert.deepEqual(series(lock("cut"), "cut"), series(lock("whole"), "whole"));
    assert.deepEqual(listFolder(join(out, "cut", "store", "work")), []);
    // Neither the kept checkpoints nor the interruptions leave anything that no manifest names.
    for (const name of ["whole", "cut"]) assert.deepEqual(await brokenObjects(join(out, name)), []);
    assert.equal(cut.state, whole.state);
  }));

Deno.test("after runs that keep checkpoints, an end with other kept steps, and gc, every object is of a result", () =>
  withFolder(async (out) => {
    const controller = new AbortController();
    const { signal } = controller;
    onStep = (step) => step === 8 && controller.abort();
    const stopped = run(makeRecipe({ keep_every_steps: 3 }, [6]), { out, signal });
    await assert.rejects(stopped, { name: "Interrupted" });
    onStep = () => {};
    const store = new Store(join(out, "store"));
    const abandoned = store.unfinished();
    const kept = [...abandoned].flatMap((key) => listFolder(join(store.workFolder(key), "kept")));
    assert.equal(kept.length, 2);
    const other = makeRecipe({ keep_every_steps: 4 }, [8]);
    await run(other, { out });
    assert.ok((await brokenObjects(out)).every((what) => what.startsWith("orphan")));
    const results = store.readManifests().keys();
    removeLeftovers(store, await findLeftovers(store, { results, abandoned }));
    assert.deepEqual(await brokenObjects(out), []);
    assert.deepEqual(listFolder(join(store.root, "work")), []);
    const { steps } = await run(other, { out });
    assert.ok(steps.every(({ state }) => state === "skipped"));
  }));

Deno.test("the error for a step that was not kept lists those that were", () =>
  withFolder(async (out) => {
    const none = run(makeRecipe({}, [4]), { out });
    await assert.rejects(
      none,
      /no checkpoint of step 4; the series has none. Add the step to keep_steps/,
    );
    const other = run(makeRecipe({ keep_steps: [3, 5] }, [4]), { out });
    await assert.rejects(other, /no checkpoint of step 4; the series has 3, 5. Add the step/);
    const outside = run(makeRecipe({ keep_steps: [13] }, []), { out });
    await assert.rejects(outside, /keep_steps: step 13 is outside this phase/);
  }));

/** A trunk, and a branch from a checkpoint within it. */
const BRANCHED = defineRecipe({ name: "kept", description: "", seed: 3 }, (recipe) => {
  const data = recipe.step("data", tokenize, {
    config: {
      sources: {
        a: [{
          dataset: "sums",
          records: { path: "recipes/own_data.jsonl", text: "{question} {answer}" },
        }],
      },
      vocab_size: 300,
    },
  });
  const tokens = { train: { data: data.train } };
  const trunk = recipe.step("trunk", pretrain, {
    config: {
      model: TINY_MODEL,
      mixture: { a: 1 },
      sequence_length: 16,
      global_batch_size: 8,
      steps: 6,
      horizon_steps: 6,
      schedule: { shape: "linear", peak_lr: 1e-2 },
      keep_steps: [4],
      threads: 1,
    },
    inputs: { tokenizer: data.tokenizer, ...tokens },
  });
  const at = recipe.step("at", select_checkpoint, {
    config: { step: 4 },
    inputs: { checkpoints: trunk.checkpoints },
  });
  recipe.step("branch", midtrain, {
    config: { threads: 1 },
    inputs: { checkpoint: at.checkpoint, ...tokens },
  });
});

Deno.test("a branch from a checkpoint within a phase continues the phase with identical bits", () =>
  withFolder(async (out) => {
    await run(BRANCHED, { out });
    const store = new Store(join(out, "store"));
    const manifests = [...store.readManifests().values()];
    const checkpoint = async (stage: string) => {
      const { checkpoint } = manifests.find((manifest) => manifest.stage === stage)!.outputs;
      return { digest: checkpoint.digest, files: await openFiles(store, checkpoint, stage) };
    };
    const [trunk, at, branch] = [
      await checkpoint("pretrain"),
      await checkpoint("select_checkpoint"),
      await checkpoint("midtrain"),
    ];
    for (const name of ["model.safetensors", "optimizer.safetensors"]) {
      assert.deepEqual(await branch.files.bytes(name), await trunk.files.bytes(name));
    }
    const { lineage } = JSON.parse(await branch.files.text("trainer_state.json"));
    const steps = lineage.map(({ from_step, to_step }: Record<string, number>) => {
      return [from_step, to_step];
    });
    assert.deepEqual(steps, [[0, 4], [4, 6]]);
    assert.equal(lineage[1].branch.parent, at.digest);
  }));
