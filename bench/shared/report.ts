/**
 * Results of the training or evaluation benchmark as Markdown.
 *
 * @module
 */
import {
  describeQuiet,
  fixed,
  gigabytes,
  markdownTable,
  milliseconds,
  percent,
  rounded,
  withRange,
} from "./markdown.ts";
import { MODES } from "./options.ts";
import {
  hardest,
  type Results,
  type SideResult,
  type SizeResult,
  type Summary,
} from "./results.ts";
import { spread } from "./statistics.ts";

/** Names of the modes in the tables. */
const MODE_NAMES = {
  eager: "eager fp32",
  compile: "compiled fp32",
  bf16: "autocast bf16",
  compile_bf16: "compiled bf16",
} as const;

const IMPLEMENTATION_NAMES = { hf: "Hugging Face", sdpa: "own SDPA" } as const;

/** The whole report: how it was measured, speed, then memory and the parts of a pass, then what failed. */
export function renderReport(results: Results, title: string): string {
  const { machine, settings } = results;
  const contests = results.sizes.flatMap(({ contests }) => contests);
  const repeated = contests.reduce((sum, contest) => sum + contest.repeated, 0);
  const failed = results.sizes.flatMap(({ size, contests }) =>
    contests.filter(({ error }) => error !== undefined)
      .map(({ mode, implementation, error }) => `- ${size}, ${mode}, ${implementation}: ${error}`)
  );
  return [
    `# ${title}`,
    `${machine.date}, ${machine.processor}, ${machine.cores} cores, ${settings.threads} threads for each side; ` +
    `load average before the start ${fixed(machine.load_average_before as number, 2)}. ` +
    `Deno ${machine.deno}, ONNX Runtime ${machine.onnxruntime}, PyTorch ${machine.torch}, ` +
    `transformers ${machine.transformers}. ${settings.rounds} alternating rounds; median, with minimum and ` +
    `maximum in parentheses. ` +
    describeQuiet(contests.flatMap(({ rounds }) => rounds), repeated),
    speedTable(results.sizes),
    "The ratio is Causeway's speed over PyTorch's, of neighbouring turns. Causeway computes in float32 in every row. " +
    "Of the two PyTorch models the faster one counts. The share of Gemm is the rate of the pass's matrix " +
    "products over that of ONNX Runtime's Gemm alone on the model's shapes, measured in the same round.",
    partsTable(results),
    "Peak memory is the process's largest resident set, over its whole life and after the warm-up. The first " +
    "pass builds Causeway's sessions and compiles PyTorch's graphs.",
    ...(failed.length > 0 ? ["Not measured:", failed.join("\n")] : []),
  ].join("\n\n") + "\n";
}

/** The contests that count, one for each mode. */
function summaries(size: SizeResult): Summary[] {
  return MODES.flatMap((mode) => hardest(size, mode) ?? []);
}

function describePeer({ contest: { mode, implementation } }: Summary): string {
  return `${MODE_NAMES[mode]}, ${IMPLEMENTATION_NAMES[implementation]}`;
}

export function speedTable(sizes: readonly SizeResult[]): string {
  const headings = [
    "model",
    "PyTorch",
    "ratio",
    "Causeway tokens/s",
    "PyTorch tokens/s",
    "Causeway's share of Gemm",
    "PyTorch's",
    "Gemm GFLOP/s",
  ];
  const rows = sizes.flatMap((size) =>
    summaries(size).map((summary) => [
      size.size,
      describePeer(summary),
      withRange(summary.ratio, 2),
      rounded(summary.ours.median),
      rounded(summary.theirs.median),
      percent(summary.ours_share.median),
      percent(summary.theirs_share.median),
      rounded(summary.ceiling.median / 1e9),
    ])
  );
  return markdownTable(headings, rows, 2);
}

export function partsTable({ sizes, benchmark }: Results): string {
  const training = benchmark === "train";
  const headings = [
    "model",
    "process",
    ...(training ? ["forward + backward, ms", "optimizer, ms"] : []),
    "start-up, s",
    "build, s",
    "first pass, s",
    "peak memory, GB",
    "after warm-up, GB",
  ];
  const rows = sizes.flatMap((size) => {
    const sides: [string, SideResult][] = size.ours ? [["Causeway", size.ours]] : [];
    for (const summary of summaries(size)) {
      if (summary.contest.theirs) sides.push([describePeer(summary), summary.contest.theirs]);
    }
    return sides.map(([name, side]) => [size.size, name, ...sideCells(side, training)]);
  });
  return markdownTable(headings, rows, 2);
}

function sideCells(side: SideResult, training: boolean): string[] {
  const { parts, prepared } = side;
  const median = (name: string) => parts[name] && spread(parts[name]).median;
  return [
    ...(training
      ? [milliseconds(median("forward_backward")), milliseconds(median("optimizer"))]
      : []),
    fixed(side.start_up_s, 1),
    fixed(prepared.build_s, 1),
    fixed(prepared.first_pass_s, 1),
    gigabytes(side.peak_bytes),
    gigabytes(side.steady_peak_bytes),
  ];
}
