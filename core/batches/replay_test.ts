import assert from "node:assert/strict";
import { countingSet, setOf } from "../../tests/shared/token_sets.ts";
import {
  BatchSource,
  ExampleSampler,
  labelWeights,
  pack,
  ReplaySampler,
  supervisedTokens,
  tuningLedger,
} from "./mod.ts";

const documents = Array.from({ length: 30 }, (_, i) => [i, 500, ...new Array(1 + i % 9).fill(9)]);
const examples = new ExampleSampler({
  sets: [setOf("qa", documents, documents.map(() => 2))],
  sequence_length: 16,
  overlong: "truncate",
  global_batch_size: 6,
  epochs: 4,
  seed: 3,
  phase: "sft",
});
const set = pack(countingSet("general", 171), {
  packing: "concatenate",
  document_mask: false,
  sequence_length: 16,
}); // 10 sequences of 17 tokens

const sampler = (share: number, seed = 1) => new ReplaySampler({ examples, set, share, seed });
const labelsOf = (sequences: ReturnType<ReplaySampler["batch"]>) =>
  sequences.reduce((sum, sequence) => sum + supervisedTokens(sequence), 0);

Deno.test("the share of the labels is exact after every step", () => {
  for (const share of [0.01, 0.05, 0.25, 0.5, 0.9]) {
    let target = 0, text = 0;
    const replay = sampler(share);
    for (let step = 0; step < examples.steps; step++) {
      const batch = replay.batch(step);
      const own = batch.filter((sequence) => !sequence.replay);
      assert.deepEqual(own, examples.batch(step));
      target += labelsOf(own);
      text += labelsOf(batch.filter((sequence) => sequence.replay));
      assert.ok(
        Math.abs(text - share / (1 - share) * target) <= 0.5,
        `${share}: ${text}, ${target}`,
      );
    }
    assert.equal(text, replay.labels);
  }
});

Deno.test("every label of the text is drawn once in each pass, in rows of neighbours", () => {
  const replay = sampler(0.5);
  const seen: number[] = [];
  for (let step = 0; step < examples.steps; step++) {
    for (const { tokens, replay: is_text, loss_spans } of replay.batch(step)) {
      if (!is_text) continue;
      assert.deepEqual(loss_spans, [0, tokens.length]);
      assert.ok(tokens.length <= 17);
      tokens.forEach((token, i) => i > 0 && assert.equal(token, tokens[i - 1] + 1));
      seen.push(...tokens.subarray(1));
    }
  }
  const all = Array.from({ length: 170 }, (_, i) => i).filter((i) => i % 17 > 0);
  const passes = Math.floor(seen.length / all.length);
  assert.ok(passes >= 3);
  for (let pass = 0; pass < passes; pass++) {
    const part = seen.slice(pass * all.length, (pass + 1) * all.length);
    assert.deepEqual(part.toSorted((a, b) => a - b), all);
  }
  assert.deepEqual(sampler(0.5).batch(9), replay.batch(9));
  assert.notDeepEqual(sampler(0.5, 2).batch(9), replay.batch(9));
});

Deno.test("replayed labels weigh as much as their share, whatever the average of the examples", () => {
  const labels = [2, 6, 4], replayed = [false, false, true];
  for (const average of ["token", "example", { groups_of: 1 }] as const) {
    const weights = labelWeights(labels, average, replayed);
    assert.equal(weights[2], 1 / 12);
    const examples = 2 * weights[0] + 6 * weights[1];
    assert.ok(Math.abs(examples - 8 / 12) < 1e-12);
  }
  labelWeights(labels, "token", replayed).forEach((w) => assert.ok(Math.abs(w - 1 / 12) < 1e-15));
  assert.ok(Math.abs(labelWeights(labels, "example", replayed)[0] - 8 / 12 / 2 / 2) < 1e-15);
});

Deno.test("the ledger counts labels as the batches have them", () => {
  const replay = sampler(0.3),
    rows = tuningLedger(examples, undefined, {
      sampler: replay,
      set,
      share: 0.3,
    });
  const drawn: Record<string, number> = {};
  for (let step = 0; step < examples.steps; step++) {
    for (const sequence of replay.batch(step)) {
      drawn[sequence.source] = (drawn[sequence.source] ?? 0) + supervisedTokens(sequence);
    }
    const source = new BatchSource(replay, { micro_batch_size: 4, lengths: [16] }, { pack: true });
    const supervised = source.batch(step).micro_batches.reduce((n, b) => n + b.supervised, 0);
    assert.equal(supervised, labelsOf(replay.batch(step)));
  }
  assert.deepEqual(Object.fromEntries(rows.map(({ source, tokens }) => [source, tokens])), drawn);
  assert.deepEqual(rows.map(({ requested_share }) => requested_share), [0.7, 0.3]);
  assert.ok(Math.abs(rows[1].achieved_share - 0.3) < 1e-3);
  assert.equal(rows[1].available_tokens, 160);
  assert.ok(Math.abs(rows[1].epochs - replay.labels / 160) < 1e-12);
});

Deno.test("a source without text is refused by name", () => {
  const empty = pack(countingSet("nothing", 1), {
    packing: "concatenate",
    document_mask: false,
    sequence_length: 16,
  });
  assert.throws(
    () => new ReplaySampler({ examples, set: empty, share: 0.5, seed: 1 }),
    /replay: source "nothing" has no sequence of two tokens/,
  );
});
