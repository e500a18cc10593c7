import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import { answerSpan } from "../stage/mod.ts";
import { collate, type Sequence, sharedSize, supervisedTokens } from "./mod.ts";

const sequence = (tokens: number[], prompt_length = 0, starts?: number[]): Sequence => ({
  tokens: Uint16Array.from(tokens),
  loss_spans: answerSpan(prompt_length, tokens.length),
  source: "s",
  ...(starts && { starts }),
});

function randomBatch(step: number): Sequence[] {
  const random = new Random(0, "collate", step);
  return Array.from({ length: 1 + random.below(20) }, () => {
    const tokens = Array.from({ length: 2 + random.below(31) }, () => 1 + random.below(900));
    const starts = tokens.map((_, i) => i).slice(1).filter(() => random.below(6) === 0);
    const one = sequence(
      tokens,
      random.below(tokens.length),
      random.below(2) === 0 ? starts : undefined,
    );
    if (random.below(2) === 0) return one;
    const places = tokens.map((_, i) => i).filter(() => random.below(4) === 0);
    return { ...one, loss_spans: places.slice(0, 2 * Math.floor(places.length / 2)) };
  });
}

Deno.test("summed micro-batch losses equal the mean over the supervised tokens of the global batch", () => {
  // Any function of (input, label) can stand for a token's loss.
  const tokenLoss = (input: number, label: number) => (input * 31 + label * 17) % 101 / 10;
  for (let step = 0; step < 50; step++) {
    const sequences = randomBatch(step);
    let sum = 0, n = 0;
    for (const { tokens, loss_spans, starts } of sequences) {
      for (let i = 1; i < tokens.length; i++) {
        // The number of span ends at or before a token is odd inside a span.
        const inside = Array.from(loss_spans).filter((place) => place <= i).length % 2 === 1;
        if (!inside || starts?.includes(i)) continue;
        sum += tokenLoss(tokens[i - 1], tokens[i]);
        n++;
      }
    }
    for (const micro_batch_size of [1, 3, 8]) {
      const batches = collate(sequences, { micro_batch_size, lengths: [8, 16, 32] });
      let loss = 0, weight = 0;
      for (const { input_ids, labels, loss_weights } of batches) {
        loss_weights.forEach((w, i) => {
          loss += w * tokenLoss(input_ids[i], labels[i]);
          weight += w;
        });
      }
      assert.ok(Math.abs(loss - sum / n) < 1e-6 * Math.max(1, sum / n));
      assert.ok(Math.abs(weight - 1) < 1e-5);
      assert.equal(batches.reduce((total, b) => total + b.supervised, 0), n);
    }
  }
});

Deno.test("shapes are fixed, no longer than needed, and all sequences are there", () => {
  for (let step = 0; step < 20; step++) {
    const sequences = randomBatch(step);
    const lengths = [8, 16, 32];
    const batches = collate(sequences, { micro_batch_size: 4, lengths, pad_id: 999 });
    assert.equal(batches.length, Math.ceil(sequences.length / 4));
    const rows: string[] = [];
    for (const { rows: count, length, input_ids, labels, loss_weights } of batches) {
      assert.equal(count, 4);
      assert.ok(lengths.includes(length));
      for (const array of [input_ids, labels, loss_weights]) assert.equal(array.length, 4 * length);
      for (let row = 0; row < 4; row++) {
        const at = row * length;
        const inputs = input_ids.subarray(at, at + length).filter((id) => id !== 999);
        if (inputs.length > 0) rows.push([...inputs, labels[at + inputs.length - 1]].join());
      }
    }
    assert.deepEqual(rows.sort(), sequences.map(({ tokens }) => tokens.join()).sort());
  }
});

Deno.test("labels start at the end of the prompt; padding and empty rows have weight 0", () => {
  const sequences = [sequence([1, 2, 3, 4], 2), sequence([5, 6, 7, 8, 9]), sequence([10, 11])];
  const [long, short] = collate(sequences, { micro_batch_size: 2, lengths: [2, 4] });
  assert.equal(long.length, 4);
  assert.deepEqual([...long.input_ids], [5, 6, 7, 8, 1, 2, 3, 0]);
  assert.deepEqual([...long.labels], [6, 7, 8, 9, 2, 3, 4, 0]);
  const w = Math.fround(1 / 7);
  assert.deepEqual([...long.loss_weights], [w, w, w, w, 0, w, w, 0]);
  assert.equal(short.length, 2);
  assert.deepEqual([...short.input_ids], [10, 0, 0, 0]);
  assert.deepEqual([...short.loss_weights], [w, 0, 0, 0]);
  assert.deepEqual([long.supervised, short.supervised], [6, 1]);
});

Deno.test("masked documents see only themselves, and their first token is not a label", () => {
  const options = { micro_batch_size: 2, lengths: [6] };
  const packed = sequence([1, 2, 3, 4, 5, 6], 0, [2, 5]);
  const [batch] = collate([packed, sequence([7, 8, 9])], options);
  const w = Math.fround(1 / 5);
  assert.deepEqual([...batch.input_ids], [1, 2, 3, 4, 5, 0, 7, 8, 0, 0, 0, 0]);
  // Labels 3 and 6 begin documents, the last of which is a label only.
  assert.deepEqual([...batch.labels], [2, 3, 4, 5, 6, 0, 8, 9, 0, 0, 0, 0]);
  assert.deepEqual([...batch.loss_weights], [w, 0, w, w, 0, 0, w, w, 0, 0, 0, 0]);
  assert.deepEqual([...batch.document_start!], [0, 0, 2, 2, 2, 5, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([supervisedTokens(packed), batch.supervised], [3, 5]);
  assert.equal(supervisedTokens(sequence([1, 2, 3, 4], 3, [2, 3])), 0);
});

Deno.test("document_start is set where a sequence has starts, and is at most the position", () => {
  const options = { micro_batch_size: 2, lengths: [8, 16, 32] };
  for (let step = 0; step < 20; step++) {
    const sequences = randomBatch(step).sort((a, b) => b.tokens.length - a.tokens.length);
    collate(sequences, options).forEach(({ rows, length, document_start }, i) => {
      const members = sequences.slice(2 * i, 2 * i + 2);
      assert.equal(
        document_start !== undefined,
        members.some(({ starts }) => starts !== undefined),
      );
      if (!document_start) return;
      assert.equal(document_start.length, rows * length);
      document_start.forEach((key, at) => {
        const t = at % length, starts = members[Math.floor(at / length)]?.starts ?? [];
        assert.equal(key, starts.findLast((start) => start <= t) ?? 0);
      });
    });
  }
  const [one_document] = collate([sequence([1, 2, 3], 0, [])], options);
  assert.ok(one_document.document_start!.every((key) => key === 0));
});

Deno.test("a prompt that covers a document leaves it without labels", () => {
  assert.equal(supervisedTokens(sequence([1, 2, 3], 3)), 0);
  assert.equal(supervisedTokens(sequence([1])), 0);
  assert.equal(supervisedTokens(sequence([])), 0);
  assert.equal(supervisedTokens(sequence([1, 2, 3], 1)), 2);
  const options = { micro_batch_size: 2, lengths: [4] };
  const [batch] = collate([sequence([1, 2, 3], 3), sequence([4, 5])], options);
  assert.deepEqual([...batch.loss_weights], [0, 0, 0, 0, 1, 0, 0, 0]);
  assert.throws(
    () => collate([sequence([1, 2, 3], 3)], options),
    /this batch of 1 sequence has no token to learn/,
  );
  assert.throws(() => collate([], options), /this batch of 0 sequences has no token/);
});

Deno.test("sequences and options that do not fit are rejected", () => {
  const sequences = [sequence([1, 2, 3, 4])];
  const options = { micro_batch_size: 2, lengths: [4] };
  assert.throws(() => collate(sequences, { ...options, lengths: [2] }), /3 input tokens .* 2;/);
  assert.throws(() => collate(sequences, { ...options, lengths: [4, 2] }), /ascending/);
  assert.throws(() => collate(sequences, { ...options, micro_batch_size: 0 }), /micro_batch_size/);
});

Deno.test("micro-batches are made smaller only where ranks would have none", () => {
  assert.equal(sharedSize(16, 16, 1), 16);
  assert.equal(sharedSize(6, 16, 2), 6); // 3 micro-batches
  assert.equal(sharedSize(16, 16, 2), 8);
  assert.equal(sharedSize(16, 16, 3), 6);
  assert.equal(sharedSize(16, 16, 5), 3); // 6 of them; of 4 there would be 4
  assert.equal(sharedSize(16, 3, 4), 1);
  for (let ranks = 1; ranks <= 12; ranks++) {
    for (let sequences = ranks; sequences <= 40; sequences++) {
      const size = sharedSize(16, sequences, ranks);
      assert.ok(size <= 16 && Math.ceil(sequences / size) >= ranks);
    }
  }
});
