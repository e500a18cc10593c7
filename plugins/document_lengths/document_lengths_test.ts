import assert from "node:assert/strict";
import { answerSpans, type Batch, type ports } from "@causeway/core/stage";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { document_lengths } from "./mod.ts";

/** A block of documents, given as source and length. */
function documents(
  ...given: [source: string, length: number][]
): Batch<typeof ports.tokens.columns> {
  const offsets = [0];
  for (const [, length] of given) offsets.push(offsets.at(-1)! + length);
  return {
    source: given.map(([source]) => source),
    dataset: given.map(() => "made_up"),
    tokens: { values: new Uint16Array(offsets.at(-1)!), offsets: Int32Array.from(offsets) },
    loss_spans: answerSpans(Int32Array.from(offsets)),
    text_bytes: new Int32Array(given.length),
  };
}

// What every stage must do: checked on inputs as small as these.
conformance(document_lengths, [
  {
    name: "two sources",
    config: { quantiles: [0.5, 1] },
    inputs: { documents: documents(["general", 30], ["code", 7], ["general", 10]) },
  },
  { name: "no documents", config: {}, inputs: { documents: documents() } },
]);

/** A context for the stage over one block of documents. */
function contextOf(given: ReturnType<typeof documents>, quantiles?: number[]) {
  return fakeContext(document_lengths, { config: { quantiles }, inputs: { documents: given } });
}

Deno.test("quantiles are per source, sources sorted", async () => {
  const given = documents(["general", 30], ["code", 7], ["general", 10], ["general", 20]);
  const fake = await contextOf(given, [0, 0.5, 1]);
  await document_lengths.run(fake.ctx);
  assert.deepEqual(fake.collected().lengths, {
    source: ["code", "code", "code", "general", "general", "general"],
    quantile: Float64Array.of(0, 0.5, 1, 0, 0.5, 1),
    tokens: Int32Array.of(7, 7, 7, 10, 20, 30),
  });
  assert.deepEqual(fake.reports.map(({ step, total }) => [step, total]), [[4, 4]]);
});

Deno.test("batches add up", async () => {
  const { ctx, collected } = await contextOf(documents(), [0.5]);
  const halves = [documents(["code", 1], ["code", 5]), documents(["code", 3])];
  const input = { ...ctx.inputs.documents, batches: () => streamOf(halves) };
  await document_lengths.run({ ...ctx, inputs: { documents: input } });
  assert.deepEqual(collected().lengths.tokens, Int32Array.of(3));
});

async function* streamOf<T>(values: T[]) {
  yield* values;
}

Deno.test("no documents give an empty table", async () => {
  const fake = await contextOf(documents());
  await document_lengths.run(fake.ctx);
  assert.deepEqual(fake.collected().lengths.source, []);
});

Deno.test("quantiles outside [0, 1] are refused", async () => {
  await assert.rejects(contextOf(documents(), [50]), /config\.quantiles\.0/);
});
