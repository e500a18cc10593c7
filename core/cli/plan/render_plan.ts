/**
 * A plan for a terminal: each step with its curves, then the lineage and totals.
 *
 * @module
 */
import { diskNeeds, memoryOf, neededTokens, type StepForecast } from "../../runner/mod.ts";
import type { Forecast, SourceForecast, TrainingForecast, TrainingPoint } from "../../stage/mod.ts";
import { formatSpan, style } from "../shared/console.ts";
import { counted, formatBytes, formatNumber } from "../../words/mod.ts";
import type { StepTime } from "./times.ts";

export interface PlanView {
  readonly color: boolean;
  /** Characters of a curve. */
  readonly width: number;
}

type Times = ReadonlyMap<string, StepTime>;

const LINES_OF_CURVE = 4;
const LABEL = 9;

/** The whole plan. */
export function renderPlan(steps: readonly StepForecast[], times: Times, view: PlanView): string {
  const by_id = new Map(steps.map((step) => [step.id, step]));
  const sections = steps.map((step) => renderStep(step, by_id, times, view));
  const tree = renderLineage(steps);
  return [...sections, ...(tree ? [`Lineage\n${tree}`] : []), renderTotals(steps, times)]
    .join("\n\n");
}

function renderStep(
  step: StepForecast,
  by_id: ReadonlyMap<string, StepForecast>,
  times: Times,
  view: PlanView,
): string {
  const { id, stage, action, reasons, forecast } = step;
  const what = action === "skip" ? "done" : "to run";
  const head = `${style(id, "bold", view.color)}  ${stage}, ${what}: ${reasons.join(", ")}`;
  const rows: [string, string][] = [];
  if (!forecast) rows.push(["forecast", "none from this stage"]);
  for (const note of forecast?.notes ?? []) rows.push(["note", note]);
  if (action === "run") {
    for (const problem of forecast?.problems ?? []) rows.push(["note", `would fail: ${problem}`]);
  }
  const { training, tokens, flops, memory, disk, scratch } = forecast ?? {};
  if (training) rows.push(...trainingRows(training, runOf(step, by_id), view));
  if (tokens !== undefined) rows.push(["tokens", `${formatNumber(tokens)} through models`]);
  if (flops !== undefined) rows.push(["compute", `${flops.toExponential(2)} FLOPs`]);
  if (memory) rows.push(["memory", describeBytes(memory)]);
  if (disk) {
    const more = scratch ? `; ${formatBytes(scratch)} more while running` : "";
    rows.push(["disk", describeBytes(disk) + more]);
  }
  if (step.written !== undefined) rows.push(["written", formatBytes(step.written)]);
  const time = times.get(id)!;
  if (flops !== undefined || time.seconds !== undefined) rows.push(["time", describeTime(time)]);
  return section(head, rows);
}

/** Labelled rows under a heading. */
function section(head: string, rows: readonly (readonly [string, string])[]): string {
  return [head, ...rows.map(([label, text]) => `  ${label.padEnd(LABEL)}${text}`.trimEnd())]
    .join("\n");
}

function trainingRows(
  training: TrainingForecast,
  run: readonly TrainingPoint[],
  { width }: PlanView,
): [string, string][] {
  const { from_step, to_step, tokens, parameters, sources, keeps } = training;
  const peak = Math.max(...run.map(({ learning_rate }) => learning_rate));
  const rates = run.map(({ step, learning_rate }) => ({ at: step, value: learning_rate }));
  const line = renderLine(rates, { width, height: LINES_OF_CURVE });
  const margins = [peak.toExponential(1), ...Array(LINES_OF_CURVE - 2).fill(""), "0"];
  const names = [...new Set(run.flatMap(({ shares }) => Object.keys(shares)))].sort();
  const pad = Math.max(...[...margins, ...names].map(({ length }) => length));
  const shares = names.map((name): [string, string] => {
    const points = run.map(({ step, shares }) => ({ at: step, value: shares[name] ?? 0 }));
    const last = run[run.length - 1].shares[name] ?? 0;
    const percent = `${Number((100 * last).toFixed(1))}%`;
    return ["", `${name.padEnd(pad)} ${renderShares(points, width)} ${percent}`];
  });
  const steps = `${formatNumber(from_step)} to ${formatNumber(to_step)}`;
  return [
    ["steps", `${steps}, ${formatNumber(tokens)} tokens`],
    ["model", `${formatNumber(parameters)} parameters`],
    ...(keeps ? [["keeps", keeps] as [string, string]] : []),
    ...line.map((text, i): [string, string] => {
      return [i === 0 ? "rate" : "", `${margins[i].padStart(pad)} ${text}`];
    }),
    ["", " ".repeat(pad + 1) + axis(run, from_step, to_step, width)],
    ...label("mixture", shares),
    ...label("sources", sources.map((source) => ["", describeSource(source)])),
  ];
}

function label(name: string, rows: [string, string][]): [string, string][] {
  return rows.map(([, text], i) => [i === 0 ? name : "", text]);
}

/** First and last step below a curve, and where the phase starts. */
function axis(
  run: readonly TrainingPoint[],
  from_step: number,
  to_step: number,
  width: number,
): string {
  const first = run[0].step;
  const cells = Array<string>(width).fill(" ");
  const write = (text: string, at: number) => cells.splice(at, text.length, ...text);
  const [start, end] = [first, to_step].map(formatNumber);
  write(end, Math.max(0, width - end.length));
  write(start, 0);
  if (from_step > first) {
    const branch = `↑${formatNumber(from_step)}`;
    const at = Math.round((from_step - first) / (to_step - first) * (width - 1));
    const free = at > start.length && at + branch.length < width - end.length;
    write(free ? branch : "↑", at);
  }
  return cells.slice(0, width).join("");
}

/** Points of the phase and of those that it continues, up to its start. */
function runOf(step: StepForecast, by_id: ReadonlyMap<string, StepForecast>): TrainingPoint[] {
  const { from_step, points } = step.forecast!.training!;
  let before = by_id.get(step.parent ?? "");
  // A step that only selects a checkpoint may be between two phases.
  while (before && !before.forecast?.training) before = by_id.get(before.parent ?? "");
  if (from_step === 0 || !before) return [...points];
  return [...runOf(before, by_id).filter((point) => point.step < from_step), ...points];
}

function describeSource({ source, tokens, before, available }: SourceForecast): string {
  const drawn = before > 0 ? ` after ${formatNumber(before)} in earlier phases` : "";
  const used = `${source}: ${formatNumber(tokens)} tokens${drawn}`;
  if (available === undefined) return `${used}; not tokenized yet`;
  const epochs = available > 0 ? ((tokens + before) / available).toFixed(2) : "no";
  return `${used}, of ${formatNumber(available)}: ${epochs} epochs`;
}

function describeBytes(parts: Readonly<Record<string, number>>): string {
  const each = Object.entries(parts).map(([what, bytes]) => `${what} ${formatBytes(bytes)}`);
  return `${formatBytes(sum(Object.values(parts)))}: ${each.join(", ")}`;
}

function describeTime({ seconds, basis, at_least }: StepTime): string {
  if (seconds === undefined) return basis;
  return `${at_least ? "at least " : ""}${formatSpan(seconds)}, ${basis}`;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** Phases of training as a tree, each below the one whose checkpoint it continues. */
function renderLineage(steps: readonly StepForecast[]): string {
  const trained = steps.filter(({ forecast, parent }) => forecast?.training || parent);
  const childrenOf = (id: string | undefined) => trained.filter(({ parent }) => parent === id);
  const draw = (step: StepForecast, lead: string, branch: string): string[] => {
    const line = `${lead}${branch}${step.id}  ${step.stage} ${describePhase(step)}`.trimEnd();
    const children = childrenOf(step.id);
    const inner = lead + (branch === "" ? "" : branch === "├─ " ? "│  " : "   ");
    const marks = children.map((_, i) => i === children.length - 1 ? "└─ " : "├─ ");
    return [line, ...children.flatMap((child, i) => draw(child, inner, marks[i]))];
  };
  return childrenOf(undefined).flatMap((root) => draw(root, "", "")).map((line) => `  ${line}`)
    .join("\n");
}

function describePhase({ forecast, parent_digest }: StepForecast): string {
  if (!forecast?.training) {
    const { notes = [], problems = [], flops } = forecast ?? {};
    return flops === undefined && [...notes, ...problems].length > 0 ? "steps unknown" : "";
  }
  const { from_step, to_step, keeps } = forecast.training;
  const digest = parent_digest ? `, of checkpoint ${parent_digest}` : "";
  const kept = keeps ? `: ${keeps}` : "";
  return `${formatNumber(from_step)} to ${formatNumber(to_step)}${kept}${digest}`;
}

/** Sums over all steps. */
function renderTotals(steps: readonly StepForecast[], times: Times): string {
  const forecasts = steps.flatMap(({ forecast }) => forecast ?? []);
  const { results, scratch, tokens } = diskNeeds(steps);
  const memory = forecasts.map((forecast) => memoryOf(forecast) ?? 0);
  const to_run = steps.filter(({ action }) => action === "run");
  const need = [...neededTokens(steps)].map(([source, { tokens }]): [string, string] => {
    return ["needed", `${source}: ${formatNumber(tokens)} tokens`];
  });
  return section("Total", [
    ["tasks", `${to_run.length} of ${steps.length} to run`],
    ["tokens", describeTokens(forecasts)],
    ...need,
    ["compute", `${sum(forecasts.map(({ flops = 0 }) => flops)).toExponential(2)} FLOPs`],
    ["memory", `${formatBytes(Math.max(0, ...memory))} at most`],
    [
      "disk",
      `${formatBytes(results + scratch + tokens)}: results ${formatBytes(results)}` +
      `, ${formatBytes(scratch)} more while training` +
      (tokens > 0 ? `, tokens to make ${formatBytes(tokens)}` : ""),
    ],
    ...timeRows(to_run.map(({ id }) => times.get(id)!)),
  ]);
}

function describeTokens(forecasts: readonly Forecast[]): string {
  const trained = sum(forecasts.map(({ training }) => training?.tokens ?? 0));
  const others = sum(forecasts.map(({ tokens = 0 }) => tokens));
  return `${formatNumber(trained)} trained on` +
    (others > 0 ? `, ${formatNumber(others)} in sweeps, evaluations and analyses` : "");
}

/** The time of all steps to run, and one line for those whose time is not known. */
function timeRows(left: readonly StepTime[]): [string, string][] {
  const unknown = left.filter(({ seconds }) => seconds === undefined).length;
  const at_least = unknown > 0 || left.some(({ at_least }) => at_least);
  const seconds = sum(left.map(({ seconds = 0 }) => seconds));
  const known = `${at_least ? "at least " : ""}${formatSpan(seconds)} to run`;
  const without = `unknown for ${unknown} of ${
    counted(left.length, "task")
  }: nothing like them has run here`;
  if (unknown === 0) return [["time", known]];
  return unknown === left.length ? [["time", without]] : [["time", known], ["", without]];
}

/** A value along an axis. */
export interface CurvePoint {
  readonly at: number;
  readonly value: number;
}

/** Bits of a braille character's dots, [column][row]. */
const DOTS = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
const BLOCKS = " ▁▂▃▄▅▆▇█";

/**
 * A line from 0 to the largest value, `width` × `height` characters of 2 × 4 dots.
 *
 * @param points by `at`, ascending; at least one.
 * @returns lines, the top one first.
 */
export function renderLine(
  points: readonly CurvePoint[],
  { width, height }: { width: number; height: number },
): string[] {
  const [columns, rows] = [2 * width, 4 * height];
  const top = Math.max(...points.map(({ value }) => value));
  const cells = Array.from({ length: height }, () => new Uint8Array(width));
  let before: number | undefined;
  for (let x = 0; x < columns; x++) {
    const value = valueAt(points, columns === 1 ? 0 : x / (columns - 1));
    const y = top > 0 ? Math.round(value / top * (rows - 1)) : 0;
    // Steep parts are filled, so that the line has no gaps.
    const from = before === undefined ? y : Math.min(y, before + Math.sign(y - before));
    const to = before === undefined ? y : Math.max(y, before + Math.sign(y - before));
    for (let dot = from; dot <= to; dot++) {
      cells[height - 1 - (dot >> 2)][x >> 1] |= DOTS[x & 1][3 - (dot & 3)];
    }
    before = y;
  }
  return cells.map((line) =>
    Array.from(line, (bits) => String.fromCharCode(0x2800 + bits)).join("")
  );
}

/** Shares between 0 and 1 as blocks of their height; any share above 0 is visible. */
export function renderShares(points: readonly CurvePoint[], width: number): string {
  return Array.from({ length: width }, (_, x) => {
    const share = valueAt(points, width === 1 ? 0 : x / (width - 1), "step");
    if (share <= 0) return BLOCKS[0];
    return BLOCKS[Math.max(1, Math.min(8, Math.round(8 * share)))];
  }).join("");
}

/** The value at a fraction of the range: interpolated ("line"), or of the point before ("step"). */
function valueAt(points: readonly CurvePoint[], part: number, between = "line"): number {
  const [first, last] = [points[0].at, points[points.length - 1].at];
  const at = first + part * (last - first);
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle].at <= at) low = middle;
    else high = middle - 1;
  }
  const [a, b] = [points[low], points[low + 1]];
  if (!b || between === "step") return a.value;
  return a.value + (b.value - a.value) * (at - a.at) / (b.at - a.at);
}
