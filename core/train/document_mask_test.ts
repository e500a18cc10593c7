/** Documents packed into rows and hidden from each other train a model as each in its own row does. */
import { type Compute, computeOptions } from "../engine/mod.ts";
import assert from "node:assert/strict";
import { kernelsTest, oneDnnTest } from "../../tests/shared/devices.ts";
import { collate, type Sequence } from "../batches/mod.ts";
import { initialize, ParameterArrays } from "../model/mod.ts";
import { Random } from "../random/mod.ts";
import { createTrainer, Evaluator, freshArrays, optimizer_schema } from "./mod.ts";

const config = {
  vocab_size: 60,
  hidden_size: 32,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  intermediate_size: 64,
  max_position_embeddings: 128,
  rotary_pct: 0.5,
  rotary_emb_base: 10000,
  layer_norm_eps: 1e-5,
  use_parallel_residual: true,
};

/** Lengths of the documents of each row. The first row is full; queries are cut into blocks of 64. */
const ROWS = [[50, 14, 65], [2, 98, 7], [33]];

const documents = ROWS.map((lengths, row) =>
  lengths.map((length, i) => {
    const random = new Random(4, `document_mask/${row}`, i);
    return Uint16Array.from({ length }, () => random.below(config.vocab_size));
  })
);

const sequence = (tokens: Uint16Array, starts?: number[]): Sequence => ({
  tokens,
  loss_spans: [0, tokens.length],
  source: "documents",
  ...(starts && { starts }),
});

/** Rows of several documents, with a mask. */
const packed = documents.map((row) => {
  let end = 0;
  const starts = row.map((document) => (end += document.length) - document.length).slice(1);
  return sequence(Uint16Array.from(row.flatMap((document) => [...document])), starts);
});
/** Rows of one document. */
const alone = documents.flat().map((tokens) => sequence(tokens));
/** Rows of several documents that see each other, with the same labels. */
const unmasked = (batch: ReturnType<typeof toBatch>) =>
  batch.map(({ document_start: _, ...rest }) => rest);

const OPTIONS = { micro_batch_size: 2, lengths: [16, 64, 128] };
const toBatch = (sequences: Sequence[]) => collate(sequences, { ...OPTIONS });

async function makeTrainer(compute: Partial<Compute>) {
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, 2);
  // Larger than they start out, so that attention is far from even and what it sees makes a difference.
  for (const group of Object.values(parameters.groups)) group.forEach((w, i) => group[i] = 3 * w);
  const optimizer = optimizer_schema.parse({});
  return await createTrainer(freshArrays(parameters), optimizer, computeOptions(compute));
}

/** Gradient, then loss and gradient norm of a step. */
async function measure(batch: ReturnType<typeof toBatch>, compute: Partial<Compute>) {
  const trainer = await makeTrainer(compute);
  const { gradient } = await trainer.gradient(batch);
  const views = new Map([...gradient.views].map(([name, data]) => [name, data.slice()]));
  const step = await trainer.step(batch, 1e-3);
  await trainer.release();
  return { views, ...step };
}

function check(
  actual: Awaited<ReturnType<typeof measure>>,
  expected: Awaited<ReturnType<typeof measure>>,
  tolerance: number,
) {
  for (const what of ["loss", "grad_norm"] as const) {
    const error = Math.abs(actual[what] / expected[what] - 1);
    assert.ok(error < tolerance, `${what} is ${actual[what]}, not ${expected[what]}`);
  }
  for (const [name, data] of expected.views) {
    const ours = actual.views.get(name)!;
    const largest = data.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    const error = data.reduce((max, x, i) => Math.max(max, Math.abs(x - ours[i])), 0) / largest;
    assert.ok(error < 10 * tolerance, `${name} differs by ${error} of its largest entry`);
  }
}

kernelsTest(
  "a step on packed and masked rows equals that on the same documents one per row",
  async (kernels) => {
    const compute = { threads: 1, kernels };
    const batch = toBatch(packed), rows = toBatch(alone);
    const supervised = (batches: typeof batch) => batches.reduce((n, b) => n + b.supervised, 0);
    assert.equal(supervised(batch), supervised(rows));
    const expected = await measure(rows, compute);
    check(await measure(batch, compute), expected, 1e-5);
    const { loss } = await measure(unmasked(batch), compute);
    assert.ok(Math.abs(loss - expected.loss) > 1e-3, "the mask makes no difference");
  },
);

oneDnnTest(
  "a step on packed and masked rows in bfloat16 is near that on the same documents one per row",
  "bfloat16",
  async () => {
    const compute = { threads: 1, precision: "bfloat16" } as const;
    check(await measure(toBatch(packed), compute), await measure(toBatch(alone), compute), 5e-3);
  },
);

kernelsTest(
  "the eval loss on packed and masked rows equals that on the same documents one per row",
  async (kernels) => {
    const compute = computeOptions({ threads: 1, kernels });
    const trainer = await makeTrainer(compute);
    const evaluator = new Evaluator({ ...OPTIONS, compute });
    const rows = await evaluator.loss(trainer.weights, alone);
    const masked = await evaluator.loss(trainer.weights, packed);
    assert.equal(masked.tokens, rows.tokens);
    assert.ok(Math.abs(masked.loss / rows.loss - 1) < 1e-5, `${masked.loss}, not ${rows.loss}`);
    await evaluator.release();
    await trainer.release();
  },
);
