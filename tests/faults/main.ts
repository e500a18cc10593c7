/**
 * `deno task test:faults`: kills runs and takes their power away, hundreds of times, and compares their results with an
 * undisturbed run.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { join } from "node:path";
import { markdownTable } from "../../bench/shared/measurements.ts";
import { Random } from "@causeway/core/random";
import { pathToFileURL } from "node:url";
import { pipeline, RECIPE } from "./child.ts";
import { withFastFolder } from "./folders.ts";
import { crashMany, no_record, POWER_RECIPE, recordRun, resume } from "./power.ts";
import { differences } from "./traces.ts";
import { type Kill, torment } from "./kills.ts";

const HELP =
  `Kills runs and takes their power away, hundreds of times, and compares their results with an undisturbed run.

Usage: deno task test:faults [options]

  --kills N     minimum number of kills (default: 200)
  --crashes N   losses of power of a run that trains, and of a small one (default: 200)
  --seed N      random seed (default: 1)
  --help        show this help`;

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

/** Continues one in so many of the crashed runs that train; of small runs, all. */
const EVERY = 20;

/** Takes the power away from two recorded runs. @throws {Error} naming the promises that were not kept. */
async function crashBoth(count: number, seed: number): Promise<void> {
  if (no_record !== undefined) return console.error(`no power is taken away: ${no_record}`);
  const retrain = async (out: string) => {
    const { code, err } = await pipeline(out, { env, args: ["--quiet"] });
    return code === 0 ? undefined : err;
  };
  for (
    const [name, recipe, every, go] of [
      ["small", POWER_RECIPE, 1, resume],
      ["training", pathToFileURL(RECIPE), EVERY, retrain],
    ] as const
  ) {
    await withFastFolder(async (folder) => {
      const recording = await recordRun(folder, recipe, env);
      const problems = await crashMany(folder, recording, { count, seed, every, resume: go });
      if (problems.length > 0) throw new Error(problems.join("\n"));
      const [changes, resumed] = [recording.changes.length, Math.ceil(count / every)];
      console.log(
        `${name}: ${count} losses of power within ${changes} changes, ${resumed} continued`,
      );
    });
  }
}

if (import.meta.main) {
  const { kills, crashes, seed, help } = parseArgs(Deno.args, {
    string: ["kills", "crashes", "seed"],
    boolean: ["help"],
    default: { kills: "200", crashes: "200", seed: "1" },
  });
  if (help) {
    console.log(HELP);
  } else {
    if (Number(crashes) > 0) await crashBoth(Number(crashes), Number(seed));
    if (Number(kills) === 0) Deno.exit();
    const folder = await Deno.makeTempDir({ prefix: "causeway_faults_" });
    console.log(render(await tormentMany(folder, Number(kills), Number(seed))));
    Deno.removeSync(folder, { recursive: true }); // kept if a run failed, for inspection
  }
}
