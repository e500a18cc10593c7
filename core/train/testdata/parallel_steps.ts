/**
 * Trains a small model for some steps, alone or as one of several processes, and prints what came of it:
 *
 *     mpirun -n 2 deno run -A core/train/testdata/parallel_steps.ts [shard]
 */
import { computeOptions } from "../../engine/mod.ts";
import { isLaunched, joinGroup } from "../../remote/mpi/mod.ts";
import { collate, type Sequence } from "../../batches/mod.ts";
import { initialize, ParameterArrays } from "../../model/mod.ts";
import { Random } from "../../random/mod.ts";
import { sha256 } from "../../store/mod.ts";
import { freshArrays, HostTrainer, model_schema, modelConfig, optimizer_schema } from "../mod.ts";

const STEPS = 12, BATCH = 8, LENGTH = 24, VOCAB_SIZE = 64;

function sequence(step: number, row: number): Sequence {
  const random = new Random(3, "row", BATCH * step + row);
  let token = random.below(63);
  // Rows of different lengths, so that micro-batches have different shapes.
  const tokens = Uint16Array.from({ length: 10 + random.below(LENGTH - 10) }, () => {
    token = (2 * token + 1) % 63;
    return 1 + token;
  });
  return { tokens, loss_spans: [0, tokens.length], source: "synthetic" };
}

const group = isLaunched() ? joinGroup() : undefined;
const ranks = group && { ...group, shard_optimizer: Deno.args.includes("shard") };
const model = {
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
};
const optimizer = optimizer_schema.parse({});
const parameters = new ParameterArrays(
  modelConfig(model_schema.parse(model), VOCAB_SIZE),
  "matrices",
);
initialize(parameters, 7);
const compute = computeOptions({ threads: 1 });
const trainer = new HostTrainer(freshArrays(parameters), optimizer, compute, ranks);
const results: { loss: number; grad_norm: number }[] = [];
for (let step = 0; step < STEPS; step++) {
  // The last batch is smaller: one micro-batch, so that all ranks but one have none.
  const rows = step === STEPS - 1 ? 2 : BATCH;
  const batch = Array.from({ length: rows }, (_, row) => sequence(step, row));
  const options = { micro_batch_size: 2, lengths: [LENGTH] };
  results.push(await trainer.step(collate(batch, options), 1e-2));
}
const arrays = await trainer.arrays();
const digest = (of: ParameterArrays) =>
  sha256(Uint8Array.from(
    Object.values(of.groups).flatMap((data) => [
      ...new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    ]),
  ));
console.log(JSON.stringify({
  rank: group?.rank ?? 0,
  results,
  weights: digest(arrays.parameters),
  moments: digest(arrays.v),
}));
await trainer.release();
group?.finalize();
