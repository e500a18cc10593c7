/**
 * `deno task test:faults`: kills runs hundreds of times and compares their results with an undisturbed run.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { join } from "node:path";
import { markdownTable } from "../../bench/shared/measurements.ts";
import { Random } from "@causeway/core/random";
import { pipeline } from "./child.ts";
import { differences } from "./traces.ts";
import { type Kill, torment } from "./kills.ts";

const HELP = `Kills runs hundreds of times and compares their results with an undisturbed run.

Usage: deno task test:faults [options]

  --kills N   minimum number of kills (default: 200)
  --seed N    random seed of the kills (default: 1)
  --help      show this help`;

/** Many checkpoints within a few seconds of training. */
const env = { CAUSEWAY_CHECKPOINT_SECONDS: "0.1" };

interface Outcome {
  kills: readonly Kill[];
  runs: number;
  /** Duration of an undisturbed run. */
  undisturbed_seconds: number;
  /** Sum over all killed runs. */
  seconds: number;
}

/**
 * Kills runs until there were enough kills.
 *
 * @param folder for the output folders
 * @throws {Error} if a restarted run fails, repeats finished work, or has other results.
 */
export async function tormentMany(folder: string, kills: number, seed: number): Promise<Outcome> {
  const outOf = (name: string) => {
    const out = join(folder, name, "out");
    Deno.mkdirSync(out, { recursive: true });
    return out;
  };
  const reference = outOf("undisturbed");
  const began = performance.now();
  const { code, err } = await pipeline(reference, { env, args: ["--quiet"] });
  if (code !== 0) throw new Error(`the undisturbed run failed: ${err}`);
  const undisturbed_seconds = (performance.now() - began) / 1000;
  // Starting and one of the longer tasks take a fifth of a run, and must sometimes finish.
  const span_ms = 250 * undisturbed_seconds;
  const all: Kill[] = [];
  let [runs, seconds] = [0, 0];
  while (all.length < kills) {
    const name = String(runs++);
    const out = outOf(name);
    const options = { span_ms, limit: kills - all.length, env };
    const ordeal = await torment(out, new Random(seed, "faults/kills", runs), options);
    const found = await differences(reference, out);
    if (found.length > 0) throw new Error(`run ${name} of seed ${seed}: ${found.join("; ")}`);
    all.push(...ordeal.kills);
    seconds += ordeal.seconds;
    Deno.removeSync(join(folder, name), { recursive: true });
    console.error(`${all.length} kills, ${runs} runs with the same results as the undisturbed one`);
  }
  return { kills: all, runs, undisturbed_seconds, seconds };
}

function render({ kills, runs, undisturbed_seconds, seconds }: Outcome): string {
  const lost = kills.map(({ seconds_lost }) => seconds_lost);
  const mean = lost.reduce((a, b) => a + b, 0) / lost.length;
  const extra = (seconds - runs * undisturbed_seconds) / kills.length;
  return [
    `${kills.length} kills in ${runs} runs; every run has the same results as the undisturbed one.`,
    `Work lost per kill: mean ${mean.toFixed(2)} s, maximum ${Math.max(...lost).toFixed(2)} s.`,
    `A kill makes a run ${extra.toFixed(2)} s longer, including the restart; ` +
    `an undisturbed run takes ${undisturbed_seconds.toFixed(1)} s.`,
    counts("killed while", kills.map(({ doing }) => doing)),
    counts("aimed at", kills.map(({ aim }) => aim)),
    counts("half written", kills.flatMap(({ writing }) => writing)),
  ].join("\n\n");
}

function counts(heading: string, values: readonly string[]): string {
  const groups = Object.entries(Object.groupBy(values, (value) => value));
  const rows = groups.map(([value, all]) => [value, String(all!.length)]);
  return markdownTable([heading, "kills"], rows.sort((a, b) => Number(b[1]) - Number(a[1])));
}

if (import.meta.main) {
  const { kills, seed, help } = parseArgs(Deno.args, {
    string: ["kills", "seed"],
    boolean: ["help"],
    default: { kills: "200", seed: "1" },
  });
  if (help) {
    console.log(HELP);
  } else {
    const folder = await Deno.makeTempDir({ prefix: "causeway_faults_" });
    console.log(render(await tormentMany(folder, Number(kills), Number(seed))));
    Deno.removeSync(folder, { recursive: true }); // kept if a run failed, for inspection
  }
}
