/**
 * `deno task inspect`: shows what a step trains on.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { inspectable, inspectStep } from "../../runner/mod.ts";
import { loadRecipe } from "../../recipe/mod.ts";
import { checkFlags, type Console, processConsole, UsageError } from "../shared/console.ts";
import { useDataRoot } from "../shared/data_root.ts";
import { explainAll, RECIPE_FLAGS, recipeOf } from "../shared/recipe_flags.ts";
import { renderSamples } from "./render_samples.ts";

const HELP =
  `Shows rows of the batch that a training step sees: source, prompt, what loss is taken on.

Usage: deno task inspect [options]

  --recipe FILE     the recipe, TypeScript or JSON (default: recipes/quickstart.ts)
  --out DIR         folder with its results, from which the data come (default: out)
  --step ID         training step of the recipe (default: its first)
  --at N            optimizer step of that phase, counted from 0 (default: 0)
  --rows N          rows to show (default: 4)
  --device NAME, --set PATH=VALUE, --data-root DIR
                    as they were given to the pipeline
  --help            print this`;

/** Runs the command; returns the exit code. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  try {
    const string = [...RECIPE_FLAGS, "step", "at", "rows"] as const;
    const flags = parseArgs(args, {
      string,
      boolean: ["help"],
      collect: ["set"],
      alias: { help: "h" },
      default: { recipe: "recipes/quickstart.ts", out: "out", at: "0", rows: "4" },
      unknown: checkFlags([...string, "help"], "deno task inspect"),
    });
    if (flags.help) return io.out(HELP), 0;
    const [step, rows] = [count("at", flags.at), count("rows", flags.rows)];
    useDataRoot(flags["data-root"]);
    const { url, load } = recipeOf(flags);
    const recipe = await loadRecipe(url, load);
    const id = flags.step ?? inspectable(recipe)[0];
    if (id === undefined) throw new UsageError(`recipe "${recipe.name}" has no training step`);
    const samples = await inspectStep(recipe, id, {
      out: flags.out,
      step,
      rows,
      log: (message) => io.err(message),
    });
    io.out(renderSamples(samples, { color: Deno.stdout.isTerminal() && !Deno.noColor }));
    return 0;
  } catch (error) {
    io.err(`Error: ${explainAll(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function count(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`--${name} takes a whole number of at least 0, not ${text || "nothing"}`);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
