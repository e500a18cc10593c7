/**
 * What a plan comes to as a whole: the lineage of its phases, and totals.
 *
 * @module
 */
import type { StepForecast } from "../../runner/mod.ts";
import { formatBytes, formatNumber, formatSpan } from "../shared/format.ts";
import type { StepTime } from "./plan_times.ts";

type Times = ReadonlyMap<string, StepTime>;

const LABEL = 9;

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** Phases of training as a tree, each below the one whose checkpoint it goes on from. */
export function renderLineage(steps: readonly StepForecast[]): string {
  const trained = steps.filter(({ forecast, parent }) => forecast?.training || parent);
  const childrenOf = (id: string | undefined) => trained.filter(({ parent }) => parent === id);
  const draw = (step: StepForecast, lead: string, branch: string): string[] => {
    const line = `${lead}${branch}${step.id}  ${step.stage} ${describePhase(step)}`.trimEnd();
    const children = childrenOf(step.id);
    const inner = lead + (branch === "" ? "" : branch === "├─ " ? "│  " : "   ");
    return [
      line,
      ...children.flatMap((child, i) => {
        return draw(child, inner, i === children.length - 1 ? "└─ " : "├─ ");
      }),
    ];
  };
  return childrenOf(undefined).flatMap((root) => draw(root, "", "")).map((line) => `  ${line}`)
    .join("\n");
}

function describePhase({ forecast, parent_digest }: StepForecast): string {
  if (!forecast?.training) return forecast?.notes ? "steps not known" : "";
  const { from_step, to_step, keeps } = forecast.training;
  const digest = parent_digest ? `, of checkpoint ${parent_digest}` : "";
  return `${formatNumber(from_step)} to ${formatNumber(to_step)}${
    keeps ? `: ${keeps}` : ""
  }${digest}`;
}

/** Sums over all steps; a source is needed once, however many branches draw from it. */
export function renderTotals(steps: readonly StepForecast[], times: Times): string {
  const forecasts = steps.flatMap(({ forecast }) => forecast ?? []);
  const needed = neededTokens(steps);
  const token_bytes = sum([...needed.values()].map(({ tokens, bytes }) => tokens * bytes));
  const results = steps.map(({ written, forecast }) =>
    written ?? sum(Object.values(forecast?.disk ?? {}))
  );
  const scratch = Math.max(0, ...forecasts.map(({ scratch = 0 }) => scratch));
  const memory = forecasts.map(({ memory = {} }) => sum(Object.values(memory)));
  const to_run = steps.filter(({ action }) => action === "run");
  const unknown = to_run.filter(({ id }) => times.get(id)!.seconds === undefined).map(({ id }) =>
    id
  );
  const left = to_run.map(({ id }) => times.get(id)!);
  const at_least = unknown.length > 0 || left.some(({ at_least }) => at_least);
  const rows = [
    ["steps", `${to_run.length} of ${steps.length} to run`],
    ["tokens", `${formatNumber(sum(forecasts.map((f) => f.training?.tokens ?? 0)))} trained on`],
    ...[...needed].map((
      [source, { tokens }],
    ) => ["needed", `${source}: ${formatNumber(tokens)} tokens`]),
    ["compute", `${sum(forecasts.map(({ flops = 0 }) => flops)).toExponential(2)} FLOPs`],
    ["memory", `${formatBytes(Math.max(0, ...memory))} at most`],
    [
      "disk",
      `${formatBytes(sum(results) + scratch + token_bytes)}: results ${formatBytes(sum(results))}` +
      `, ${formatBytes(scratch)} more while training` +
      (token_bytes > 0 ? `, tokens to be made ${formatBytes(token_bytes)}` : ""),
    ],
    [
      "time",
      `${at_least ? "at least " : ""}${formatSpan(sum(left.map(({ seconds = 0 }) => seconds)))}` +
      ` for what is to run${unknown.length > 0 ? `, without ${unknown.join(", ")}` : ""}`,
    ],
  ];
  return ["Total", ...rows.map(([label, text]) => `  ${label.padEnd(LABEL)}${text}`)].join("\n");
}

/** Tokens that have to be made, of each source that is not there yet. */
function neededTokens(steps: readonly StepForecast[]) {
  const needed = new Map<string, { tokens: number; bytes: number }>();
  const sources = steps.flatMap(({ forecast }) => forecast?.training?.sources ?? []);
  for (const { source, tokens, before, available, token_bytes } of sources) {
    if (token_bytes === undefined || available !== undefined) continue;
    const most = Math.max(tokens + before, needed.get(source)?.tokens ?? 0);
    needed.set(source, { tokens: most, bytes: token_bytes });
  }
  return needed;
}
