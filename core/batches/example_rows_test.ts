import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import { BatchSource, joinExamples, packExamples, type Sequence, supervisedTokens } from "./mod.ts";

/** Examples of 2 to `longest` tokens with one or two answers. */
function examplesOf(step: number, count: number, longest: number): Sequence[] {
  const random = new Random(0, "examples", step);
  return Array.from({ length: count }, (_, i) => {
    const length = 2 + random.below(longest - 1), half = Math.floor(length / 2);
    const start = random.below(half);
    return {
      tokens: Uint16Array.from({ length }, () => 1 + random.below(900)),
      loss_spans: half + 1 < length ? [start, half, half + 1, length] : [start, length],
      source: i % 2 === 0 ? "a" : "b",
    };
  });
}

/** Any function of (input, label, position in the document) can stand for a token's loss. */
const tokenLoss = (input: number, label: number, at: number) =>
  (input * 31 + label * 17 + at * 7) % 101 / 10;

Deno.test("packed rows have every example once, whole, with the same labels and weights", () => {
  for (let step = 0; step < 30; step++) {
    const examples = examplesOf(step, 1 + 3 * step, 33);
    const source = { batch: () => examples };
    const options = { micro_batch_size: 8, lengths: [8, 16, 24, 32] };
    for (const average of ["token", "example", { groups_of: 3 }] as const) {
      const totals = [false, true].map((pack) => {
        const { micro_batches, tokens } = new BatchSource(source, options, { average, pack }).batch(
          0,
        );
        let loss = 0, weight = 0, supervised = 0;
        for (const batch of micro_batches) {
          supervised += batch.supervised;
          batch.loss_weights.forEach((w, i) => {
            const column = i % batch.length;
            const at = column - (batch.document_start?.[i] ?? 0);
            loss += w * tokenLoss(batch.input_ids[i], batch.labels[i], at);
            weight += w;
          });
        }
        return { loss, weight, supervised, tokens };
      });
      const [apart, packed] = totals;
      assert.ok(Math.abs(packed.loss - apart.loss) < 1e-5, `${packed.loss}, not ${apart.loss}`);
      assert.ok(Math.abs(packed.weight - 1) < 1e-5);
      assert.equal(packed.supervised, apart.supervised);
      assert.deepEqual(packed.tokens, apart.tokens);
    }
    const rows = packExamples(examples, examples.map((_, i) => i), options.lengths);
    const numbers = rows.flatMap(({ weights }) => weights);
    assert.deepEqual(numbers.toSorted((a, b) => a - b), examples.map((_, i) => i));
    for (const { sequence, weights } of rows) {
      const members = weights.map((i) => examples[i]);
      assert.deepEqual(sequence, joinExamples(members));
      const labels = members.reduce((sum, example) => sum + supervisedTokens(example), 0);
      assert.equal(supervisedTokens(sequence), labels);
      assert.equal(sequence.starts!.length, weights.length - 1);
    }
  }
});

Deno.test("rows are no longer than the examples need, and few", () => {
  const short = Array.from({ length: 40 }, (): Sequence => {
    return { tokens: new Uint16Array(5), loss_spans: [0, 5], source: "s" };
  });
  const weights = short.map(() => 1);
  const rows = packExamples(short, weights, [9, 19, 29, 39]);
  assert.equal(rows.length, 20); // two of five tokens in a row of nine inputs, ten tokens
  const long = { ...short[0], tokens: new Uint16Array(33) };
  const mixed = packExamples([...short, long], [...weights, 1], [9, 19, 29, 39]);
  assert.equal(mixed.length, 6); // (40 · 5 + 33) / 40
});

Deno.test("micro-batches of packed rows are equal, so that few rows are empty", () => {
  const examples = examplesOf(1, 150, 33);
  const options = { micro_batch_size: 16, lengths: [32] };
  const source = new BatchSource({ batch: () => examples }, options, { pack: true });
  const { micro_batches } = source.batch(0), rows = source.sequences(0).length;
  assert.equal(new Set(micro_batches.map((batch) => batch.rows)).size, 1);
  const all = micro_batches.length * micro_batches[0].rows;
  assert.ok(all - rows < 2 * micro_batches.length + 2, `${rows} rows in ${all}`);
});
