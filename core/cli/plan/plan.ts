/**
 * `deno task plan`: shows what a recipe will do and need, before anything runs.
 *
 * @module
 */
import { describeUnmet, forecastRecipe, readiness, RequirementsError } from "../../runner/mod.ts";
import { readIfPresent } from "../../store/mod.ts";
import { stdoutColor, UsageError } from "../shared/console.ts";
import { defineCommand, mainOf } from "../shared/command.ts";
import { loadNamedRecipe, RECIPE_ARGUMENT, RECIPE_FLAGS } from "../shared/inputs.ts";
import { clusterPlan, renderCluster } from "./cluster_plan.ts";
import { parseCluster } from "./estimate.ts";
import { renderPlan } from "./render_plan.ts";
import { measureProducts, planTimes } from "./times.ts";

export const command = defineCommand({
  name: "plan",
  summary: "Shows what a recipe will do and need, before anything runs",
  args: [RECIPE_ARGUMENT],
  flags: {
    ...RECIPE_FLAGS,
    out: {
      value: "DIR",
      default: "out",
      help: "folder of its results; finished steps there give sizes and times",
    },
    cluster: {
      value: "FILE",
      help:
        "estimate the training steps on a cluster that a file describes (recipes/clusters): time, " +
        "cost, memory, network, failures",
    },
    json: { help: "with --cluster: print everything as JSON" },
  },
  examples: [
    "deno task plan recipes/quickstart.ts",
    "deno task plan recipes/full_size/pythia_70m.ts --cluster recipes/clusters/h100_nodes.json",
  ],
  notes:
    "Printed are steps and tokens, learning rate and mixture over the run, parameters, FLOPs, memory, " +
    "disk and time, and which step branches from which.",
});

/** Columns of a curve. */
const WIDTH = 60;

/** Runs the command; returns the exit code. */
export const main = mainOf(command, async ({ flags, args }, io) => {
  const { out, cluster: file, json } = flags;
  if (json && file === undefined) throw new UsageError("--json needs --cluster");
  const cluster = file === undefined ? undefined : parseCluster(readCluster(file), file);
  const { recipe, url } = await loadNamedRecipe(flags, args);
  const steps = await forecastRecipe(recipe, out);
  if (cluster) {
    const plan = clusterPlan(recipe, steps, cluster);
    io.out(json ? JSON.stringify(plan, null, 2) : renderCluster(plan));
    return;
  }
  const times = await planTimes(steps, measureProducts);
  io.out(`${recipe.name}: ${recipe.description}\n`);
  io.out(renderPlan(steps, times, { color: stdoutColor(), width: WIDTH }));
  const { unmet, unknown_line } = await readiness(recipe, steps, { out, recipe_url: url });
  if (unknown_line !== undefined) io.out(`\n${unknown_line}`);
  // Another command runs the recipe, with permissions of its own.
  const start = unmet.filter(({ kind }) => kind === "start").map(describeUnmet);
  if (start.length > 0) io.out(`\nIt has to be started with more permissions than this plan:`);
  for (const line of start) io.out(`  ${line}`);
  const here = unmet.filter(({ kind }) => kind === "here");
  if (here.length > 0) throw new RequirementsError(recipe.name, here);
});

function readCluster(path: string): string {
  const text = readIfPresent(path);
  if (text === undefined) throw new UsageError(`there is no cluster file ${path}`);
  return text;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
