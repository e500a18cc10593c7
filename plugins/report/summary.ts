/**
 * The results as plain text, for the terminal. Under 100 columns wide.
 *
 * @module
 */
import type { ReportConfig } from "./config.ts";
import { decimals, signed } from "./format.ts";
import type { ArmResult, Contrast, Measure, Results } from "./results.ts";
import { resultSentences } from "./wording.ts";

const LABEL_WIDTH = 26;
const GROUP_WIDTH = 30;

/** Writes the results table, perplexity and bits per byte, and what the numbers say. */
export function renderSummary(config: ReportConfig, results: Results | undefined): string {
  const lines = [config.title, ""];
  if (!results) {
    return [...lines, "No model was evaluated, so there are no results.", ""].join("\n");
  }
  lines.push(...lossTable(config, results), "", ...secondTable(config, results), "");
  for (const sentence of resultSentences(config, results)) lines.push(...wrap(sentence, 96));
  return lines.map((line) => line.trimEnd()).join("\n") + "\n";
}

function lossTable({ target_source, general_source }: ReportConfig, results: Results): string[] {
  const groups = [`loss on ${target_source}`, `loss on ${general_source}`];
  const change = ["before", "after", "change"], forgetting = ["before", "after", "forgetting"];
  return [
    cells("nats/token", groups, GROUP_WIDTH),
    cells("fine-tuning", [...change, ...forgetting], 10),
    "-".repeat(LABEL_WIDTH + 2 * GROUP_WIDTH),
    ...baseRow(results),
    ...results.arms.map(armRow),
    ...results.contrasts.map(contrastRow),
  ];
}

function baseRow({ base }: Results): string[] {
  if (!base) return [];
  const { target, general } = base;
  return [
    cells("At the branch point", [decimals(target.loss), "", "", decimals(general.loss)], 10),
  ];
}

function armRow({ label, target, general }: ArmResult): string {
  const values = [target, general].flatMap(({ before, after, change }) => [
    decimals(before.loss),
    decimals(after.loss),
    signed(change),
  ]);
  return cells(label, values, 10);
}

function contrastRow(contrast: Contrast, _: number, all: Contrast[]): string {
  const { label, target_before, target_after, general_before, general_after, forgetting } =
    contrast;
  // What an arm gains by fine-tuning, less what the reference gains.
  const change = target_after - target_before;
  const values = [target_before, target_after, change, general_before, general_after, forgetting];
  return cells(
    all.length > 1 ? `Difference: ${label}` : "Difference",
    values.map((v) => signed(v)),
    10,
  );
}

function secondTable({ target_source, general_source }: ReportConfig, results: Results): string[] {
  const measures = (pick: (measure: Measure) => number, digits: number) => (arm: ArmResult) =>
    [arm.target.before, arm.target.after, arm.general.before, arm.general.after]
      .map((measure) => decimals(pick(measure), digits));
  const rows = (name: string, values: (arm: ArmResult) => string[]) =>
    results.arms.map((arm) => cells(`${name} ${arm.label}`, values(arm), 15));
  const bits = measures((measure) => measure.bits_per_byte, 3);
  const measured = results.arms.some((arm) => bits(arm).some((text) => text !== decimals(NaN)));
  return [
    cells("", [target_source, general_source], GROUP_WIDTH),
    cells("", ["before", "after", "before", "after"], 15),
    "-".repeat(LABEL_WIDTH + 2 * GROUP_WIDTH),
    ...rows("ppl", measures((measure) => measure.perplexity, 2)),
    ...(measured ? rows("bits/byte", bits) : []),
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
