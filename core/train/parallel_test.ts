import assert from "node:assert/strict";
import { LAUNCHERS, mpirun } from "../../tests/shared/mpi.ts";
import { collate, partOf } from "../batches/mod.ts";
import { computeOptions } from "../engine/mod.ts";
import { initialize, ParameterArrays } from "../model/mod.ts";
import { TINY_MODEL, VOCAB_SIZE } from "../../tests/shared/tiny_training.ts";
import { freshArrays, HostTrainer, model_schema, modelConfig, optimizer_schema } from "./mod.ts";

const MODULE = new URL("testdata/parallel_steps.ts", import.meta.url);

interface Told {
  rank: number;
  results: { loss: number; grad_norm: number }[];
  weights: string;
  moments: string;
}

async function train(launcher: string, size: number, ...args: string[]): Promise<Told[]> {
  const { code, out, err } = await mpirun(launcher, size, MODULE, args);
  assert.equal(code, 0, err);
  const told: Told[] = out.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(told.length, size);
  return told.sort((a, b) => a.rank - b.rank);
}

async function alone(): Promise<Told> {
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", MODULE.href] });
  return JSON.parse(new TextDecoder().decode((await command.output()).stdout));
}

let one_alone: Promise<Told> | undefined;
/** More ranks than cores mostly wait for each other, so one launcher with four is enough. */
const SIZES_OF: Record<string, number[]> = { "mpirun.openmpi": [2, 4], "mpirun.mpich": [2] };

for (const launcher of LAUNCHERS) {
  Deno.test(`several processes train like one, to 1e-5, and have equal results: ${launcher}`, async () => {
    const one = await (one_alone ??= alone());
    for (const size of SIZES_OF[launcher]) {
      const told = await train(launcher, size);
      assert.equal(new Set(told.map(({ weights }) => weights)).size, 1);
      told[0].results.forEach(({ loss, grad_norm }, i) => {
        const { loss: expected, grad_norm: expected_norm } = one.results[i];
        assert.ok(Math.abs(loss - expected) < 1e-5, `step ${i}: ${loss}, alone ${expected}`);
        assert.ok(Math.abs(grad_norm / expected_norm - 1) < 1e-4, `step ${i}: norm ${grad_norm}`);
      });
      // The same number of processes gives the same bits again, and so does a sharded optimizer.
      const sharded = await train(launcher, size, "shard");
      assert.deepEqual(sharded.map(({ weights }) => weights), told.map(({ weights }) => weights));
      assert.equal(sharded[0].moments, told[0].moments);
    }
  });
}

Deno.test("parts of a list are in order and as even as possible", () => {
  const items = [0, 1, 2, 3, 4, 5, 6];
  const parts = (size: number) =>
    Array.from({ length: size }, (_, rank) => partOf(items, { rank, size }));
  assert.deepEqual(parts(1), [items]);
  assert.deepEqual(parts(3), [[0, 1], [2, 3], [4, 5, 6]]);
  assert.deepEqual(parts(2).flat(), items);
});

Deno.test("a process that a small last batch leaves without work adds zeros", async () => {
  const model = modelConfig(model_schema.parse(TINY_MODEL), VOCAB_SIZE);
  const parameters = new ParameterArrays(model, "matrices");
  initialize(parameters, 7);
  const optimizer = optimizer_schema.parse({}), compute = computeOptions({ threads: 1 });
  const [batch] = collate([{ tokens: Uint16Array.of(1, 2, 3), loss_spans: [0, 3], source: "s" }], {
    micro_batch_size: 1,
    lengths: [4],
  });
  const ranks = { rank: 0, size: 2, allReduceSum: () => {}, broadcast: () => {} };
  const trainer = new HostTrainer(freshArrays(parameters), optimizer, compute, ranks);
  const { loss, gradient } = await trainer.gradient([batch]); // rank 1 has the one micro-batch
  assert.equal(loss, 0);
  assert.ok(Object.values(gradient.groups).every((group) => group.every((value) => value === 0)));
  await trainer.release();
});
