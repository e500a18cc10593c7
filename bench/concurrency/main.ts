/**
 * `deno task bench:concurrency`: two independent arms, one after the other and side by side.
 *
 * @module
 */
import process from "node:process";
import { loadRecipe } from "@causeway/core/recipe";
import { run, workerExecutor } from "@causeway/core/runner";
import { type RunState } from "@causeway/core/runs";
import { command, count, parseFlags } from "../shared/command.ts";

const HELP = `Training of two independent arms, one after the other and side by side.

Usage: deno task bench:concurrency [options]

  --rounds N  rounds (default: 2)
  --help      show this help

Trains the model "mini" twice with one thread each, one after the other and side by side, and one after the other with
two threads. The three ways alternate, so that other load on the machine affects all of them; tokens per CPU second
hardly depend on it. Prints a JSON line for each run.`;

const WAYS = [
  { name: "threads 1, jobs 1", threads: 1, jobs: 1 },
  { name: "threads 1, jobs 2", threads: 1, jobs: 2 },
  { name: "threads 2, jobs 1", threads: 2, jobs: 1 },
] as const;
const TOKENS = 2 * 60 * 16 * 256;
const RECIPE = new URL("./recipe.ts", import.meta.url).href;

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "concurrency", { rounds: "2" });
  if (flags === undefined) return console.log(HELP), 0;
  const rounds = count("rounds", flags.rounds!);
  for (let round = 1; round <= rounds; round++) {
    for (const way of WAYS) console.log(JSON.stringify({ round, ...await measure(way) }));
  }
  return 0;
}

async function measure({ name, threads, jobs }: typeof WAYS[number]) {
  const out = await Deno.makeTempDir();
  try {
    const load = { set: [`stage:pretrain.threads=${threads}`] };
    const recipe = await loadRecipe(RECIPE, load);
    const load_before = Deno.loadavg()[0].toFixed(2);
    const before = processorSeconds();
    const state = await run(recipe, { out, jobs, executor: workerExecutor(RECIPE, { load }) });
    const seconds = armSeconds(state), processor = processorSeconds() - before;
    const tokens_per_second = Math.round(TOKENS / seconds);
    return { way: name, seconds, tokens_per_second, processor, load_before };
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

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

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));
