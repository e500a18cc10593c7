import assert from "node:assert/strict";
import { tableFromArrays, tableToIPC } from "apache-arrow";
import { BlobWriter, TextReader, ZipWriter } from "@zip.js/zip.js";
import { recordCard } from "./record_card.ts";
import { readRecords } from "./records.ts";
import { withFiles } from "./testdata/testing.ts";
import { atOnce, inTurns, Turns } from "./turns.ts";

Deno.test("a loop lets others in, and ends with the signal's reason", async () => {
  const controller = new AbortController();
  const turns = new Turns(controller.signal);
  const reason = new Error("stop");
  setTimeout(() => controller.abort(reason));
  const loop = async () => {
    while (true) await turns.turn();
  };
  await assert.rejects(loop(), reason);
  const work = function* () {
    let count = 0;
    while (count < 5) {
      count++;
      yield;
    }
    return count;
  };
  assert.equal(atOnce(work()), 5);
  assert.equal(await inTurns(work()), 5);
  const endless = function* (): Generator<undefined, number> {
    while (true) yield;
  };
  await assert.rejects(inTurns(endless(), controller.signal), reason);
});

async function zipOf(files: number): Promise<Uint8Array> {
  const zip = new ZipWriter(new BlobWriter(), { useWebWorkers: false, level: 0 });
  for (let i = 0; i < files; i++) await zip.add(`${i}.txt`, new TextReader(`text ${i}`));
  return new Uint8Array(await (await zip.close()).arrayBuffer());
}

const FILES = 200;
const ROWS = 100_000;

/** Readers that wait for nothing by themselves. */
const LONG: Record<string, () => Promise<Record<string, string | Uint8Array>>> = {
  "an archive of many files": async () => ({ "x.zip": await zipOf(FILES) }),
  "a folder of many files": () =>
    Promise.resolve(Object.fromEntries(Array.from({ length: FILES }, (_, i) => [`${i}.txt`, "x"]))),
  "a table of many rows": () =>
    Promise.resolve({
      "x.arrow": tableToIPC(tableFromArrays({ n: Int32Array.from({ length: ROWS }) }), "file"),
    }),
};

for (const [what, make] of Object.entries(LONG)) {
  Deno.test(`a timer fires while a reader is busy with ${what}`, async () => {
    await withFiles(await make(), async (folder) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("stop")));
      const read = async () => {
        // Again and again, so that a fast machine cannot come to the end first.
        while (true) for await (const _ of readRecords(folder, { signal: controller.signal }));
      };
      await assert.rejects(read(), /stop/);
    });
  });
}

Deno.test("the revision of a folder of many files can be stopped", async () => {
  await withFiles(await LONG["a folder of many files"](), async (folder) => {
    const card = recordCard({ name: "many", path: folder, text: "text" });
    const { signal } = new AbortController();
    assert.equal(await card.revision({ signal }), card.revision());
    await assert.rejects(
      (async () => {
        const signal = AbortSignal.abort(new Error("stop"));
        while (true) await card.revision({ signal });
      })(),
      /stop/,
    );
  });
});
