import assert from "node:assert/strict";
import { type Encoding, renderReport, type TokenizerResults } from "./report.ts";

const quiet = { idle_ours: 0, idle_theirs: 0, others: 0 };
const encoding: Encoding = {
  name: "plain",
  bytes: 2e6,
  turns: [{ ours_s: 0.1, theirs_s: 0.5, ...quiet }],
  repeated: 0,
  compared: 10,
  tokens: 1234,
  different: 0,
  call: "encode_batch",
  first: { ours_s: 0.2, theirs_s: 0.6 },
  library: { seconds: 2, bytes: 1e6, texts: 4, different: 0, odd_texts: 3, odd_different: 1 },
};
const results: TokenizerResults = {
  version: "1.2.3",
  texts: 8,
  odd_texts: 2,
  training: {
    bytes: 2e6,
    merges: 743,
    same: true,
    turns: [{ ours_s: 0.5, theirs_s: 1, ...quiet }],
    repeated: 0,
  },
  encodings: [encoding],
};
const settings = { rounds: 1, threads: 2, vocab_size: 1000 };

Deno.test("a result is a row of speed and a row of agreement", () => {
  const report = renderReport(results, {}, settings);
  for (
    const row of [
      "| train, 1000 tokens | train_from_iterator | 2.00 (2.00–2.00) | 4.0 | 2.0 | – | – |",
      "| encode, plain | encode_batch | 5.00 (5.00–5.00) | 20.0 | 4.0 | 3.00 | 0.5 |",
      "| merges and vocabulary | 743 | 0 | – |",
      "| ids, plain | 10 texts, 1234 tokens | 0 | 0 of 4 texts, 1 of 3 synthetic |",
    ]
  ) assert.ok(report.includes(row), report);
});

Deno.test("differences are in bold, with an example", () => {
  const training = { ...results.training, same: false };
  const encodings = [{ ...encoding, different: 2, example: '"x"' }];
  const report = renderReport({ ...results, training, encodings }, {}, settings);
  assert.match(report, /\*\*not equal\*\*/);
  assert.match(report, /\*\*2 texts\*\*/);
  assert.match(report, /First text with different ids \(plain\): `"x"`/);
});
