import assert from "node:assert/strict";
import type { Batch, ports } from "../../core/stage/mod.ts";
import { document_lengths } from "./mod.ts";

type Documents = Batch<typeof ports.tokens.columns>;

/** A batch of documents, given as source and length. */
function documents(...given: [source: string, length: number][]): Documents {
  const offsets = [0];
  for (const [, length] of given) offsets.push(offsets.at(-1)! + length);
  return {
    source: given.map(([source]) => source),
    dataset: given.map(() => "made_up"),
    tokens: { values: new Uint16Array(offsets.at(-1)!), offsets: Int32Array.from(offsets) },
    prompt_length: new Int32Array(given.length),
    text_bytes: new Int32Array(given.length),
  };
}

/** Runs the stage on the batches and returns the rows it wrote, as "source quantile tokens". */
async function run(batches: Documents[], config = {}, signal = new AbortController().signal) {
  const rows: string[] = [];
  const progress: number[] = [];
  await document_lengths.run({
    config: document_lengths.config.parse(config),
    inputs: {
      documents: {
        rows: batches.reduce((sum, batch) => sum + batch.source.length, 0),
        digest: "",
        async *batches() {
          yield* batches;
        },
        column: () => Promise.reject(new Error("the stage streams its input")),
      },
    },
    outputs: {
      lengths: {
        write(batch) {
          batch.source.forEach((name, i) =>
            rows.push(`${name} ${batch.quantile[i]} ${batch.tokens[i]}`)
          );
          return Promise.resolve();
        },
      },
    },
    seed: 1,
    signal,
    checkpoints: { latest: () => Promise.resolve(undefined), save: () => Promise.resolve() },
    report: (step) => progress.push(step),
    log() {},
  });
  return { rows, progress };
}

Deno.test("quantiles are per source, over all batches, sources sorted", async () => {
  const { rows, progress } = await run([
    documents(["general", 30], ["code", 7], ["general", 10]),
    documents(["general", 20], ["general", 40]),
  ], { quantiles: [0, 0.5, 1] });
  assert.deepEqual(rows, [
    "code 0 7",
    "code 0.5 7",
    "code 1 7",
    "general 0 10",
    "general 0.5 20",
    "general 1 40",
  ]);
  assert.deepEqual(progress, [3, 5]);
});

Deno.test("no documents give an empty table", async () => {
  assert.deepEqual((await run([])).rows, []);
});

Deno.test("quantiles outside [0, 1] are refused", async () => {
  await assert.rejects(run([], { quantiles: [50] }), /quantiles/);
});

Deno.test("a run that was asked to stop stops", async () => {
  await assert.rejects(
    run([documents(["code", 1])], {}, AbortSignal.abort(new Error("stop"))),
    /stop/,
  );
});
