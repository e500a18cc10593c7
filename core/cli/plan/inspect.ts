/**
 * `deno task inspect`: shows what a step trains on.
 *
 * @module
 */
import { inspectable, inspectStep } from "../../runner/mod.ts";
import { type Batch, type ports, visibleLine } from "../../stage/mod.ts";
import { stdoutColor, style, UsageError } from "../shared/console.ts";
import { count, defineCommand, mainOf } from "../shared/command.ts";
import { loadNamedRecipe, RECIPE_ARGUMENT, RECIPE_FLAGS } from "../shared/inputs.ts";
import { counted } from "../../words/mod.ts";

export const command = defineCommand({
  name: "inspect",
  summary: "Shows rows of the batch that a training step sees",
  args: [RECIPE_ARGUMENT],
  flags: {
    ...RECIPE_FLAGS,
    out: {
      value: "DIR",
      default: "out",
      help: "folder with its results; the data come from there",
    },
    step: { value: "ID", help: "training step of the recipe (default: its first)" },
    at: count("0", "optimizer step of that phase, counted from 0"),
    rows: count("4", "rows to show"),
  },
  examples: ["deno task inspect --step sft --at 10 --rows 2"],
  notes:
    "Printed are source, prompt and text; text without loss is marked. Give --device, --set and " +
    "--data-root as they were given to the pipeline.",
});

/** Runs the command; returns the exit code. */
export const main = mainOf(command, async ({ flags, args }, io) => {
  const { out, at: step, rows } = flags;
  const { recipe } = await loadNamedRecipe(flags, args);
  const id = flags.step ?? inspectable(recipe)[0];
  if (id === undefined) throw new UsageError(`recipe "${recipe.name}" has no training step`);
  const log = (message: string) => io.err(message);
  const samples = await inspectStep(recipe, id, { out, step, rows, log });
  io.out(renderSamples(samples, { color: stdoutColor() }));
});

type Samples = Batch<typeof ports.batch_samples.columns>;

/**
 * Text with loss in green, the rest dim; without colour the rest is in ⟦ ⟧. A bar marks the start of a document that
 * does not attend to the one before it.
 */
export function renderSamples(samples: Samples, { color }: { color: boolean }): string {
  const lines = [
    color
      ? `${style("supervised", "green", true)}  ${style("not supervised", "dim", true)}`
      : "Text in ⟦ ⟧ has no loss.",
  ];
  const rows = Map.groupBy(samples.row.keys(), (run) => samples.row[run]);
  for (const [row, runs] of rows) {
    const all = runs.reduce((sum, run) => sum + samples.tokens[run], 0);
    const learned = runs.reduce((sum, run) => {
      return sum + (samples.supervised[run] ? samples.tokens[run] : 0);
    }, 0);
    const source = visibleLine(samples.source[runs[0]]);
    const head = `step ${samples.step[runs[0]]}, row ${row}: ${source}, ` +
      `${counted(all, "token")}, ${learned} supervised${inSpans(samples.supervised, runs)}`;
    lines.push("", style(head, "bold", color));
    lines.push(runs.map((run, i) => renderRun(samples, run, i > 0, color)).join(""));
  }
  return lines.join("\n");
}

/** " in 3 spans", such as the answers of a conversation; nothing for one. */
function inSpans(supervised: Uint8Array, runs: readonly number[]): string {
  const spans = runs.filter((run) => supervised[run]).length;
  return spans > 1 ? ` in ${counted(spans, "span")}` : "";
}

function renderRun(samples: Samples, run: number, after: boolean, color: boolean): string {
  const begins = after && samples.document[run] !== samples.document[run - 1];
  const text = samples.text[run];
  const shown = samples.supervised[run]
    ? style(text, "green", color)
    : color
    ? style(text, "dim", color)
    : `⟦${text}⟧`;
  return begins ? `\n── document ──\n${shown}` : shown;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
