/**
 * Three small steps that use everything that writes: a table, checkpoints that another thread writes, some of them kept,
 * rows that they share, files, a published output.
 *
 * @module
 */
import { z } from "zod";
import { defineRecipe } from "@causeway/core/recipe";
import { defineStage, files, table } from "@causeway/core/stage";

const numbers = table({ n: "int32" }, "numbers");
const STEPS = 9, KEPT = [3, 6];
/** The encoder of the checkpoints: their data are their files. */
const COPY = "data:text/javascript,export default (files) => files";

const count = defineStage({
  name: "count",
  version: "1",
  description: "Counts.",
  config: z.object({}),
  inputs: {},
  outputs: { data: numbers },
  async run({ outputs }) {
    await outputs.data.write({ n: Int32Array.from({ length: 900 }, (_, i) => i) });
  },
});

const climb = defineStage({
  name: "climb",
  version: "1",
  description: "Adds up in portions, and saves after each.",
  config: z.object({}),
  inputs: { data: numbers },
  outputs: { sums: numbers, kept: files("states", "states of kept checkpoints") },
  async run({ inputs, outputs, checkpoints, log, report }) {
    const n = await inputs.data.column("n");
    const saved = await checkpoints.latest();
    if (saved) log(`resuming at step ${saved.step}`);
    const sums = saved ? [...new Int32Array((await saved.read("model/sums")).buffer)] : [];
    let at = saved ? (await saved.read("rows.jsonl")).length : 0;
    const writer = checkpoints.openWriter!(COPY);
    try {
      while (sums.length < STEPS) {
        const first = 100 * sums.length;
        sums.push(n.subarray(first, first + 100).reduce((a, b) => a + b, sums.at(-1) ?? 0));
        const step = sums.length;
        report(step, { sum: sums[step - 1] }, STEPS);
        const data = {
          "model/sums": new Uint8Array(Int32Array.from(sums).buffer),
          state: new TextEncoder().encode(`${step}`.padStart(5000)),
        };
        const rows = { name: "rows.jsonl", at, bytes: new TextEncoder().encode(`{"n":${step}}\n`) };
        await writer.write({ step, keep: KEPT.includes(step), data, buffers: [], rows });
        at += rows.bytes.length;
      }
    } finally {
      writer.close();
    }
    await outputs.sums.write({ n: Int32Array.from(sums) });
    for (const { step, path } of await checkpoints.kept!()) {
      for (const name of ["model/sums", "state"]) {
        await outputs.kept.write(`step-${step}/${name}`, { path: path(name) });
      }
    }
  },
});

const write = defineStage({
  name: "write",
  version: "1",
  description: "Writes sums to files.",
  config: z.object({}),
  inputs: { sums: numbers },
  outputs: { page: files("page", "the sums") },
  async run({ inputs, outputs }) {
    const n = await inputs.sums.column("n");
    await outputs.page.write("pages/sums.txt", n.join("\n") + "\n");
    await outputs.page.write("total.txt", `${n.reduce((a, b) => a + b, 0)}\n`);
  },
});

const header = { name: "faults", description: "Adds up.", seed: 1 };

export default defineRecipe(header, (recipe) => {
  const data = recipe.step("count", count, { config: {} });
  const sums = recipe.step("climb", climb, { config: {}, inputs: { data: data.data } });
  const page = recipe.step("write", write, { config: {}, inputs: { sums: sums.sums } });
  recipe.publish(page.page);
  recipe.publish(sums.kept);
});
