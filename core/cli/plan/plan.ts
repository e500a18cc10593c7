/**
 * `deno task plan`: says what a recipe will do and need, before anything runs.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { resolve } from "node:path";
import { forecastRecipe } from "../../runner/mod.ts";
import { loadRecipe, recipeUrl } from "../../recipe/mod.ts";
import { parseCluster } from "./cluster_file.ts";
import { readIfPresent } from "../../store/mod.ts";
import { clusterPlan } from "./cluster_plan.ts";
import { checkFlags, type Console, processConsole, UsageError } from "../shared/console.ts";
import { useDataRoot } from "../shared/data_root.ts";
import { explain } from "../shared/explain.ts";
import { measureProducts } from "./measure.ts";
import { planTimes } from "./plan_times.ts";
import { renderCluster } from "./render_cluster.ts";
import { renderPlan } from "./render_plan.ts";

const HELP =
  `Says what a recipe will do and need before anything runs: steps and tokens, learning rate and
mixture over the run, parameters, FLOPs, memory, disk, time, and which step branches from which.

Usage: deno task plan [options]

  --recipe FILE     the recipe (default: recipes/quickstart.ts)
  --out DIR         folder of its results, whose finished steps tell sizes and times (default: out)
  --data-root DIR   folder with datasets, as for the pipeline
  --cluster FILE    estimate the training steps on a cluster that a file describes (recipes/clusters):
                    time, cost, memory, network, failures
  --json            with --cluster: all of it for programs
  --help            print this`;

/** Columns of a curve. */
const WIDTH = 60;

/** Runs the command; returns the exit code. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  try {
    const string = ["recipe", "out", "data-root", "cluster"] as const;
    const boolean = ["json", "help"] as const;
    const flags = parseArgs(args, {
      string,
      boolean,
      alias: { help: "h" },
      default: { recipe: "recipes/quickstart.ts", out: "out" },
      unknown: checkFlags([...string, ...boolean], "deno task plan"),
    });
    if (flags.help) return io.out(HELP), 0;
    for (const name of string) {
      if (flags[name] === "") throw new UsageError(`--${name} needs a value`);
    }
    if (flags.json && !flags.cluster) throw new UsageError("--json needs --cluster");
    const cluster = flags.cluster && parseCluster(readCluster(flags.cluster), flags.cluster);
    useDataRoot(flags["data-root"]);
    const recipe = await loadRecipe(recipeUrl(resolve(flags.recipe)));
    const steps = await forecastRecipe(recipe, flags.out);
    if (cluster) {
      const plan = clusterPlan(recipe, steps, cluster);
      io.out(flags.json ? JSON.stringify(plan, null, 2) : renderCluster(plan));
      return 0;
    }
    const times = await planTimes(steps, measureProducts);
    const color = Deno.stdout.isTerminal() && !Deno.noColor;
    io.out(`${recipe.name}: ${recipe.description}\n`);
    io.out(renderPlan(steps, times, { color, width: WIDTH }));
    return 0;
  } catch (error) {
    io.err(`Error: ${explain(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function readCluster(path: string): string {
  const text = readIfPresent(path);
  if (text === undefined) throw new UsageError(`there is no cluster file ${path}`);
  return text;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
