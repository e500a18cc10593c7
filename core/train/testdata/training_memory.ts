/**
 * Takes two steps with a model and prints the most memory that the process has had, in bytes. Linux only.
 *
 * Arguments: preset, vocabulary, rows of a micro-batch, length, workers, micro-batches of a step.
 */
import { computeOptions } from "../../engine/mod.ts";
import { collate } from "../../batches/mod.ts";
import { initialize, ParameterArrays, type PresetName } from "../../model/mod.ts";
import { createTrainer, freshArrays, modelConfig, optimizer_schema } from "../mod.ts";

const [preset, ...numbers] = Deno.args;
const [vocab_size, rows, length, workers, micro_batch_count] = numbers.map(Number);
const parameters = new ParameterArrays(modelConfig(preset as PresetName, vocab_size), "matrices");
initialize(parameters, 1);
const compute = computeOptions({ threads: 2, workers });
const trainer = await createTrainer(freshArrays(parameters), optimizer_schema.parse({}), compute);
const sequences = Array.from({ length: micro_batch_count * rows }, (_, row) => ({
  tokens: Uint16Array.from({ length: length + 1 }, (_, i) => (7 * i + row) % vocab_size),
  loss_spans: [0, length + 1],
  source: "made_up",
}));
const micro_batches = collate(sequences, { micro_batch_size: rows, lengths: [length] });
for (let step = 0; step < 2; step++) await trainer.step(micro_batches, 1e-4);
const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))!;
console.log(1024 * Number(kilobytes));
await trainer.release();
