/** Small stages for tests of the runner, status server and commands. */
import { z } from "zod";
import { defineStage, files, many, optional, table } from "../../stage/mod.ts";

export const number_table = table({ n: "int32" }, "numbers");

/** Writes the numbers from 1 to `count`, times `factor`. */
export const numbers = defineStage({
  name: "numbers",
  version: "1",
  description: "Counts from 1.",
  config: z.object({ count: z.int().positive(), factor: z.number().default(1) }),
  inputs: {},
  outputs: { data: number_table },
  async run({ config, outputs, report }) {
    const n = Int32Array.from({ length: config.count }, (_, i) => (i + 1) * config.factor);
    await outputs.data.write({ n });
    report(config.count, { loss: 1 / config.count, tokens_per_second: 100 }, config.count);
  },
});

/** Keeps numbers up to `limit`: changing its input need not change its output. */
export const clip = defineStage({
  name: "clip",
  version: "1",
  description: "Drops large numbers.",
  config: z.object({ limit: z.number() }),
  inputs: { data: number_table },
  outputs: { data: number_table },
  async run({ config, inputs, outputs }) {
    const n = await inputs.data.column("n");
    await outputs.data.write({ n: n.filter((value) => value <= config.limit) });
  },
});

/** Adds up all its inputs into a text file. */
export const sum = defineStage({
  name: "sum",
  version: "1",
  description: "Adds numbers up.",
  config: z.object({ title: z.string().default("sum") }),
  inputs: { parts: many(number_table), extra: optional(number_table) },
  outputs: { report: files("report", "the sums") },
  async run({ config, inputs, outputs, log }) {
    const lines = [config.title];
    for (const [label, part] of Object.entries(inputs.parts)) {
      lines.push(`${label} ${(await part.column("n")).reduce((a, b) => a + b, 0)}`);
    }
    if (inputs.extra) lines.push(`extra ${inputs.extra.rows}`);
    log(`${lines.length - 1} sums`);
    await outputs.report.write("summary.txt", lines.join("\n") + "\n");
  },
});

/**
 * Keeps its thread busy without ever returning to its event loop, and reports progress. With `hold`, the path of a file,
 * it stays at half its time as long as the file exists.
 */
export const spin = defineStage({
  name: "spin",
  version: "1",
  description: "Burns processor time.",
  config: z.object({
    milliseconds: z.number(),
    slice: z.number().default(5),
    hold: z.string().optional(),
  }),
  inputs: {},
  outputs: { data: number_table },
  async run({ config, outputs, report, signal, checkpoints }) {
    const saved = await checkpoints.latest();
    const total = Math.ceil(config.milliseconds / config.slice);
    for (let i = saved?.step ?? 0; i < total; i++) {
      const end = performance.now() + config.slice;
      while (performance.now() < end);
      report(i + 1, { loss: 4 - i / total, tokens_per_second: 1000 }, total);
      if (signal.aborted) {
        await checkpoints.save(i + 1, { state: new TextEncoder().encode("half") });
        throw signal.reason;
      }
      if (config.hold && i + 1 >= total / 2 && exists(config.hold)) i--;
    }
    await outputs.data.write({ n: Int32Array.of(saved ? 1 : 0) });
  },
});

/**
 * Counts with one thread and saves checkpoints: its output does not depend on interruptions. With `hold`, the path of a
 * file, it stays at half its steps as long as the file exists.
 */
export const climb = defineStage({
  name: "climb",
  version: "1",
  description: "Adds up its numbers again and again.",
  config: z.object({
    steps: z.int(),
    slice: z.number().default(5),
    hold: z.string().optional(),
    threads: z.int().default(1),
  }),
  inputs: { data: number_table },
  outputs: { data: number_table },
  async run(
    { config: { steps, slice, hold }, inputs, outputs, seed, report, signal, checkpoints },
  ) {
    const saved = await checkpoints.latest();
    const n = await inputs.data.column("n");
    let sum = saved ? new Int32Array((await saved.read("sum")).buffer)[0] : seed;
    for (let step = saved?.step ?? 0; step < steps; step++) {
      const end = performance.now() + slice;
      while (performance.now() < end);
      sum = (31 * sum + n[step % n.length]) | 0;
      report(step + 1, { loss: 1 / (1 + step) }, steps);
      while (hold && step >= steps / 2 && !signal.aborted && exists(hold)) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (step % 10 === 9 || signal.aborted) {
        await checkpoints.save(step + 1, { sum: new Uint8Array(Int32Array.of(sum).buffer) });
      }
      if (signal.aborted) throw signal.reason;
    }
    await outputs.data.write({ n: Int32Array.of(sum) });
  },
});

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Fails in the way its config says. */
export const faulty = defineStage({
  name: "faulty",
  version: "1",
  description: "Fails.",
  config: z.object({
    how: z.enum(["throw", "exit", "reject", "unwritten", "port", "column", "hang", "loop", "stop"]),
  }),
  inputs: {},
  outputs: { data: number_table },
  async run({ config, outputs, checkpoints, log, signal }) {
    // deno-lint-ignore no-explicit-any -- breaking the types is the point
    const any_outputs = outputs as any;
    if (config.how === "throw") throw new Error("no data available");
    if (config.how === "exit") Deno.exit(0);
    if (config.how === "port") await any_outputs.other.write({});
    if (config.how === "column") await any_outputs.data.write({ n: Int32Array.of(1), m: [] });
    if (config.how === "hang") {
      log("ready");
      await new Promise(() => setInterval(() => {}, 1000));
    }
    if (config.how === "loop") {
      log("ready");
      while (true) signal.throwIfAborted();
    }
    if (config.how === "stop") {
      log("ready");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await checkpoints.save(1, { "../state": Uint8Array.of(1) });
    }
    if (config.how === "reject") {
      Promise.reject(new Error("nobody waited for this"));
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  },
});
