/** Losses of single documents against transformers' logits, and against the loss of the whole eval set. */
import assert from "node:assert/strict";
import { kernelsTest, oneDnnTest } from "../../tests/shared/devices.ts";
import { fixtureFolder } from "../../tests/shared/model_fixtures.ts";
import { evaluationSequences, type Sequence } from "../batches/mod.ts";
import { computeOptions } from "../engine/mod.ts";
import {
  decodeParameters,
  hostWeights,
  ParameterArrays,
  parseConfig,
  readSafetensors,
} from "../model/mod.ts";
import { setOf } from "../../tests/shared/token_sets.ts";
import { DocumentSums, Evaluator } from "./mod.ts";

const folder = fixtureFolder("gpt_neox/pythia_like");
const read = (name: string) => Deno.readFile(new URL(name, folder));
const config = parseConfig(
  JSON.parse(await Deno.readTextFile(new URL("config.json", folder))),
  "config.json",
);
const parameters = new ParameterArrays(config, "matrices");
decodeParameters(parameters, await read("model.safetensors"), "model.safetensors");
const activations = readSafetensors(await read("activations.safetensors"), "activations");
const [rows, length] = activations.get("input_ids")!.shape;
const ids = Uint16Array.from(activations.get("input_ids")!.data);
const logits = activations.get("logits")!.data as Float32Array;

/** -log p of the token at `t` of a row, from transformers' logits in float64. */
function tokenLoss(row: number, t: number): number {
  const at = (row * length + t - 1) * config.vocab_size;
  const scores = Float64Array.from(logits.subarray(at, at + config.vocab_size));
  const largest = scores.reduce((a, b) => Math.max(a, b));
  const sum = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
  return largest + Math.log(sum) - scores[ids[row * length + t]];
}

/** Lengths of documents laid end to end over all rows; the second one spans rows, the third is empty. */
const LENGTHS = [3, length - 1, 0, 1];
const lengths = [...LENGTHS, rows * length - LENGTHS.reduce((a, b) => a + b)];

async function measure(sequences: readonly Sequence[], options: object, with_documents = true) {
  const compute = computeOptions({ threads: 1, workers: 0, ...options });
  await using evaluator = new Evaluator({ micro_batch_size: 3, lengths: [length], compute });
  const documents = with_documents ? new DocumentSums(sequences) : undefined;
  const loss = await evaluator.loss(hostWeights(parameters), sequences, { documents });
  return { ...loss, documents: documents?.rows() ?? [] };
}

kernelsTest("losses of documents equal those from transformers' logits", async (kernels) => {
  let start = 0;
  const set = setOf("s", lengths.map((n) => [...ids.subarray(start, start += n)]));
  const options = { sequence_length: length - 1, max_sequences: rows, mode: "packed" } as const;
  const sequences = evaluationSequences(set, options);
  assert.equal(sequences.length, rows);
  const { loss, tokens, documents } = await measure(sequences, { kernels });
  const expected = lengths.map((n, document) => {
    const own = Array.from({ length: n }, (_, i) => set.offsets[document] + i)
      .map((position) => [Math.floor(position / length), position % length])
      .filter(([, t]) => t > 0); // the first token of a row is no label
    const loss_sum = own.reduce((sum, [row, t]) => sum + tokenLoss(row, t), 0);
    return { document, loss_sum, tokens: own.length };
  }).filter(({ tokens }) => tokens > 0);
  assert.deepEqual(documents.map(({ document }) => document), [0, 1, 3, 4]);
  documents.forEach((found, i) => {
    assert.equal(found.tokens, expected[i].tokens);
    const error = Math.abs(found.loss_sum / expected[i].loss_sum - 1);
    assert.ok(error < 1e-5, `document ${found.document} differs by ${error}`);
  });
  const sum = documents.reduce((sum, { loss_sum }) => sum + loss_sum, 0);
  assert.equal(documents.reduce((sum, { tokens }) => sum + tokens, 0), tokens);
  assert.ok(Math.abs(sum / tokens / loss - 1) < 1e-6, `${sum / tokens}, not ${loss}`);
  // What is measured besides does not change the loss.
  assert.equal((await measure(sequences, { kernels }, false)).loss, loss);
});

Deno.test("with workers documents have the same bits, and processes add up their parts", async () => {
  const set = setOf("s", lengths.map((n, i) => [...ids.subarray(i, i + n)]));
  const options = { sequence_length: length - 1, max_sequences: rows, mode: "examples" } as const;
  const sequences = evaluationSequences(set, options);
  const { documents } = await measure(sequences, {});
  assert.deepEqual((await measure(sequences, { workers: 2 })).documents, documents);
  const compute = computeOptions({ threads: 1, workers: 0 });
  await using evaluator = new Evaluator({ micro_batch_size: 3, lengths: [length], compute });
  const parts = [sequences.slice(0, 1), sequences.slice(1)];
  const sums = parts.map(() => new DocumentSums(sequences));
  for (const [i, part] of parts.entries()) {
    await evaluator.loss(hostWeights(parameters), part, { documents: sums[i] });
  }
  let other: Float64Array;
  assert.ok(sums[1].rows().length < documents.length);
  sums[1].share((values) => other = values.slice());
  sums[0].share((values) => values.forEach((value, i) => values[i] = value + other[i]));
  sums[0].rows().forEach(({ loss_sum, ...row }, i) => {
    const { loss_sum: expected, ...same } = documents[i];
    assert.deepEqual(row, same);
    assert.ok(Math.abs(loss_sum / expected - 1) < 1e-6);
  });
});

oneDnnTest("in bfloat16 documents add up to the loss too", "bfloat16", async () => {
  const set = setOf("s", lengths.map((n, i) => [...ids.subarray(i, i + n)]));
  const options = { sequence_length: length - 1, max_sequences: rows, mode: "packed" } as const;
  const sequences = evaluationSequences(set, options);
  const { loss, tokens, documents } = await measure(sequences, { precision: "bfloat16" });
  const sum = documents.reduce((total, { loss_sum }) => total + loss_sum, 0);
  assert.ok(Math.abs(sum / tokens / loss - 1) < 1e-6, `${sum / tokens}, not ${loss}`);
});
