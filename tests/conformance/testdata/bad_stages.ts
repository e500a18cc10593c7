/**
 * Stages that misbehave like a plugin may, in the way that the config says.
 *
 * @module
 */
import process from "node:process";
import { z } from "zod";
import { defineStage, table } from "@causeway/core/stage";

const numbers = table({ n: "int32", name: "utf8", share: "float64" }, "numbers with names");
const ROW = { n: Int32Array.of(1), name: ["one"], share: Float64Array.of(1) };

export const WAYS = [
  "throw",
  "throw_nothing",
  "reject",
  "exit",
  "process_exit",
  "close",
  "hang",
  "spin",
  "unwritten",
  "undeclared_output",
  "missing_column",
  "extra_column",
  "wrong_type",
  "unequal_columns",
  "nan",
] as const;

/** Writes one number. */
export const well_behaved = defineStage({
  name: "well_behaved",
  version: "1",
  description: "Writes one number.",
  config: z.strictObject({}),
  inputs: {},
  outputs: { data: numbers },
  async run({ outputs }) {
    await outputs.data.write(ROW);
  },
});

/** Misbehaves after its first row. */
export const misbehaving = defineStage({
  name: "misbehaving",
  version: "1",
  description: "Misbehaves.",
  config: z.strictObject({ how: z.enum(WAYS) }),
  inputs: {},
  outputs: { data: numbers },
  async run({ config, outputs, log }) {
    // deno-lint-ignore no-explicit-any -- breaking the types is the point
    const untyped = outputs as any;
    log("started");
    if (config.how !== "unwritten") await outputs.data.write(ROW);
    switch (config.how) {
      case "throw":
        throw new Error("no data found");
      case "throw_nothing":
        throw null;
      case "reject":
        Promise.reject(new Error("not awaited"));
        await new Promise((resolve) => setTimeout(resolve, 2000));
        break;
      case "exit":
        Deno.exit(0);
        break;
      case "process_exit":
        process.exit(0);
        break;
      case "close":
        self.close();
        break;
      case "hang":
        await new Promise(() => setInterval(() => {}, 1000));
        break;
      case "spin":
        for (;;);
      case "undeclared_output":
        await untyped.more.write(ROW);
        break;
      case "missing_column":
        await untyped.data.write({ n: ROW.n });
        break;
      case "extra_column":
        await untyped.data.write({ ...ROW, colour: ["red"] });
        break;
      case "wrong_type":
        await untyped.data.write({ ...ROW, n: Float64Array.of(0.5) });
        break;
      case "unequal_columns":
        await untyped.data.write({ ...ROW, name: [] });
        break;
      case "nan":
        await outputs.data.write({ ...ROW, share: Float64Array.of(NaN) });
    }
  },
});
