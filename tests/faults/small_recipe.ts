/**
 * Three small tasks with everything that can be stored: a table, checkpoints, files, a published output. It runs in
 * tens of milliseconds, so that it can run again for every kind of damage to every file.
 *
 * @module
 */
import { z } from "zod";
import { defineRecipe } from "@causeway/core/recipe";
import { defineStage, files, table } from "@causeway/core/stage";

const numbers = table({ n: "int32" }, "numbers");

const count = defineStage({
  name: "count",
  version: "1",
  description: "Counts.",
  config: z.object({}),
  inputs: {},
  outputs: { data: numbers },
  async run({ outputs }) {
    await outputs.data.write({ n: Int32Array.from({ length: 3000 }, (_, i) => i) });
  },
});

/** Adds up in ten portions, saves after each, and stops after one when asked to. */
const add = defineStage({
  name: "add",
  version: "1",
  description: "Adds up.",
  config: z.object({}),
  inputs: { data: numbers },
  outputs: { sums: numbers },
  async run({ inputs, outputs, checkpoints, log, report, signal }) {
    const n = await inputs.data.column("n");
    const saved = await checkpoints.latest();
    if (saved) log(`resuming at step ${saved.step} of 10`);
    const state = saved ? await saved.read("state.json") : undefined;
    const sums: number[] = state ? JSON.parse(new TextDecoder().decode(state)) : [];
    while (sums.length < 10) {
      const at = 300 * sums.length;
      sums.push(n.subarray(at, at + 300).reduce((a, b) => a + b, 0));
      report(sums.length, {}, 10);
      await new Promise((resolve) => setTimeout(resolve)); // lets a request to stop arrive
      const text = JSON.stringify(sums);
      await checkpoints.save(sums.length, { "state.json": new TextEncoder().encode(text) });
      if (signal.aborted) throw signal.reason;
    }
    await outputs.sums.write({ n: Int32Array.from(sums) });
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
    await outputs.page.write("sums.txt", n.join("\n") + "\n");
    await outputs.page.write("total.txt", `${n.reduce((a, b) => a + b, 0)}\n`);
  },
});

const header = { name: "faults", description: "Adds up.", seed: 1 };

export default defineRecipe(header, (recipe) => {
  const data = recipe.step("count", count, { config: {} });
  const sums = recipe.step("add", add, { config: {}, inputs: { data: data.data } });
  const page = recipe.step("write", write, { config: {}, inputs: { sums: sums.sums } });
  recipe.publish(page.page);
});
