/**
 * `deno run -A bench/concurrency/main.ts [--rounds N]`: trains two independent arms of the model "mini" one after the
 * other with one thread and with two, and side by side with one thread each. Prints a JSON line for each run. The three
 * ways alternate, so that other load on the machine affects all of them; tokens per CPU second hardly depend on it.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "@std/cli/parse-args";
import { loadRecipe } from "../../core/recipe/mod.ts";
import { run, workerExecutor } from "../../core/runner/mod.ts";
import { type RunState } from "../../core/runs/mod.ts";

const WAYS = [
  { name: "threads 1, jobs 1", threads: 1, jobs: 1 },
  { name: "threads 1, jobs 2", threads: 1, jobs: 2 },
  { name: "threads 2, jobs 1", threads: 2, jobs: 1 },
] as const;
const TOKENS = 2 * 60 * 16 * 256;
const RECIPE = new URL("./recipe.ts", import.meta.url).href;

/** Seconds from the start of the first arm to the end of the last. */
function armSeconds({ steps }: RunState): number {
  const arms = steps.filter(({ stage }) => stage === "pretrain");
  const began = Math.min(...arms.map(({ started_at }) => started_at!));
  return (Math.max(...arms.map(({ ended_at }) => ended_at!)) - began) / 1000;
}

/** CPU seconds of all threads, including making the data, which is the same in all ways. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const { rounds } = parseArgs(Deno.args, { string: ["rounds"], default: { rounds: "2" } });
for (let round = 1; round <= Number(rounds); round++) {
  for (const { name, threads, jobs } of WAYS) {
    const out = await Deno.makeTempDir();
    try {
      const load = { set: [`stage:pretrain.threads=${threads}`] };
      const recipe = await loadRecipe(RECIPE, load);
      const others = Deno.loadavg()[0].toFixed(2);
      const before = processorSeconds();
      const state = await run(recipe, { out, jobs, executor: workerExecutor(RECIPE, { load }) });
      const seconds = armSeconds(state);
      const speed = Math.round(TOKENS / seconds);
      const processor = processorSeconds() - before;
      const row = {
        round,
        way: name,
        seconds,
        tokens_per_second: speed,
        processor,
        load_before: others,
      };
      console.log(JSON.stringify(row));
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  }
}
