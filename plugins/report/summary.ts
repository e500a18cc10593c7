/**
 * The results as plain text for the terminal, less than 100 columns wide.
 *
 * @module
 */
import { decimals, signed } from "@causeway/core/report";
import type { ReportConfig } from "./inputs.ts";
import type { ArmResult, Contrast, Measure, Results } from "./results.ts";
import { resultSentences } from "./wording.ts";

const LABEL_WIDTH = 26;
const CELL_WIDTH = 12;
const GROUP_WIDTH = 3 * CELL_WIDTH;
const RULE = "-".repeat(LABEL_WIDTH + 2 * GROUP_WIDTH);

/** The table of results, perplexity and bits per byte, and the results in sentences. */
export function renderSummary(
  config: ReportConfig,
  results: Results | undefined,
  note?: string,
): string {
  const lines = [config.title, ""];
  if (!results) {
    return [...lines, "No results: no model was evaluated.", ""].join("\n");
  }
  lines.push(...lossTable(config, results), "", ...secondTable(config, results), "");
  const sentences = [...(note ? [note] : []), ...resultSentences(config, results)];
  for (const sentence of sentences) lines.push(...wrap(sentence, 96));
  return lines.map((line) => line.trimEnd()).join("\n") + "\n";
}

function lossTable({ target_source, general_source }: ReportConfig, results: Results): string[] {
  const groups = [`loss on ${target_source}`, `loss on ${general_source}`];
  const change = ["before", "after", "change"], forgetting = ["before", "after", "forgetting"];
  return [
    cells("nats/token", groups, GROUP_WIDTH),
    cells("fine-tuning", [...change, ...forgetting], CELL_WIDTH),
    RULE,
    ...baseRow(results),
    ...results.arms.map(armRow),
    ...results.contrasts.map(contrastRow),
  ];
}

function baseRow({ base }: Results): string[] {
  if (!base) return [];
  const { target, general } = base;
  return [
    cells(
      "At the branch point",
      [decimals(target.loss), "", "", decimals(general.loss)],
      CELL_WIDTH,
    ),
  ];
}

function armRow({ label, target, general }: ArmResult): string {
  const values = [target, general].flatMap(({ before, after, change }) => [
    decimals(before.loss),
    decimals(after.loss),
    signed(change),
  ]);
  return cells(label, values, CELL_WIDTH);
}

function contrastRow(contrast: Contrast, _: number, all: Contrast[]): string {
  const { label, target_before, target_after, general_before, general_after } = contrast;
  // Change of the arm minus change of the reference.
  const change = target_after - target_before;
  const values = [target_before, target_after, change, general_before, general_after];
  return cells(
    all.length > 1 ? `Difference: ${label}` : "Difference",
    [...values, contrast.forgetting].map((value) => signed(value)),
    CELL_WIDTH,
  );
}

/** Perplexity and, where measured, bits per byte, before and after fine-tuning. */
function secondTable({ target_source, general_source }: ReportConfig, results: Results): string[] {
  const width = GROUP_WIDTH / 2;
  const measures = (
    { target, general }: ArmResult,
  ) => [target.before, target.after, general.before, general.after];
  const rows = (name: string, pick: (measure: Measure) => number | null, digits: number) =>
    results.arms.some((arm) => measures(arm).some((measure) => Number.isFinite(pick(measure))))
      ? [
        name,
        ...results.arms.map((arm) =>
          cells(
            `  ${arm.label}`,
            measures(arm).map((measure) => decimals(pick(measure), digits)),
            width,
          )
        ),
      ]
      : [];
  return [
    cells("", [target_source, general_source], GROUP_WIDTH),
    cells("", ["before", "after", "before", "after"], width),
    RULE,
    ...rows("perplexity", (measure) => measure.perplexity, 2),
    ...rows("bits per byte", (measure) => measure.bits_per_byte, 3),
  ];
}

/** One line: a label on the left, then right-aligned cells of equal width. */
function cells(label: string, values: string[], width: number): string {
  const fit = (text: string, room: number) =>
    text.length > room ? `${text.slice(0, room - 1)}…` : text;
  const row = values.map((value) => fit(value, width - 1).padStart(width)).join("");
  return fit(label, LABEL_WIDTH).padEnd(LABEL_WIDTH) + row;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
