/**
 * Results of the training or evaluation benchmark as Markdown.
 *
 * @module
 */
import { MODES, VARIANTS } from "./options.ts";
import {
  type Contest,
  hardest,
  type Results,
  type SideResult,
  type SizeResult,
  type Summary,
} from "./results.ts";
import {
  describeQuiet,
  fixed,
  gigabytes,
  markdownTable,
  milliseconds,
  percent,
  rounded,
  spread,
  withRange,
} from "../shared/measurements.ts";

const MODE_NAMES = {
  eager: "eager fp32",
  compile: "compiled fp32",
  bf16: "autocast bf16",
  compile_bf16: "compiled bf16",
} as const;

const VARIANT_NAMES = {
  float32: "fp32",
  float32_onednn: "fp32, oneDNN",
  bfloat16: "bf16, oneDNN",
} as const;

const IMPLEMENTATION_NAMES = { hf: "Hugging Face", sdpa: "own SDPA", jax: "JAX" } as const;

/** The whole report: method, speed, memory and parts of a pass, failures. */
export function renderReport(results: Results, title: string): string {
  const { machine, settings } = results;
  const contests = results.sizes.flatMap(({ contests }) => contests);
  const repeated = contests.reduce((sum, contest) => sum + contest.repeated, 0);
  const failed = results.sizes.flatMap(({ size, contests }) =>
    contests.flatMap(({ variant, mode, implementation, error }) =>
      error === undefined
        ? []
        : `- ${size}, ${VARIANT_NAMES[variant]} against ${mode}, ${implementation}: ${
          oneLine(error)
        }`
    )
  );
  const in_turn = results.sizes.filter(({ one_at_a_time }) => one_at_a_time);
  return [
    `# ${title}`,
    `${machine.date}, ${machine.processor}, ${machine.cores} cores, ${settings.threads} threads for each side; ` +
    `load average before the start ${fixed(machine.load_average_before as number, 2)}. ` +
    `${describeVersions(machine)}. ${describeRounds(contests)} alternating rounds; median, with ` +
    `minimum and maximum in parentheses. ` +
    describeQuiet(contests.flatMap(({ rounds }) => rounds), repeated),
    speedTable(results.sizes),
    "The ratio is Causeway's speed over the peer's in neighbouring turns, against the fastest of its models. " +
    "The share of Gemm is the FLOP/s of the pass's matrix products over those of Gemm alone on the model's shapes, " +
    "measured in the same round: ONNX Runtime's in float32, oneDNN's in bfloat16.",
    ...(isBusy(results.sizes) ? [busyNote(settings)] : []),
    ...(in_turn.length > 0
      ? [
        `At ${
          in_turn.map(({ size }) => size).join(", ")
        } memory was too small for both processes at the same time: all rounds of one came after all ` +
        `rounds of the other, and the ratios compare the rounds in order.`,
      ]
      : []),
    partsTable(results),
    ...(results.benchmark === "train" ? [PARTS_NOTE] : []),
    "Peak memory is the largest resident set of the process, over its whole life and after the warm-up. Start-up " +
    "loads the libraries; build makes model, weights and optimizer; the first pass builds Causeway's session and " +
    "compiles PyTorch's graphs.",
    ...(failed.length > 0 ? ["Not measured:", failed.join("\n")] : []),
  ].join("\n\n") + "\n";
}

const PARTS_NOTE =
  "Parts are medians of steps timed after the rounds. Causeway computes forward and backward in one graph, and its " +
  "loss head alternates between them chunk by chunk: its forward time is that of a graph without gradients on the " +
  "same batches, and its backward time is the rest. PyTorch's forward is timed in training mode, keeping what " +
  "backward needs. The optimizer includes clipping. Sessions is the time that the first forward and backward take " +
  "longer than later ones: to build Causeway's session, or to compile PyTorch's graphs.";

const PACKAGE_NAMES = {
  deno: "Deno",
  onnxruntime: "ONNX Runtime",
  torch: "PyTorch",
  transformers: "transformers",
  jax: "JAX",
};

/** "Deno 2.9.6, ONNX Runtime 1.30.0, …", of what is installed. */
function describeVersions(machine: Results["machine"]): string {
  return Object.entries(PACKAGE_NAMES)
    .flatMap(([key, name]) => machine[key] === undefined ? [] : `${name} ${machine[key]}`)
    .join(", ");
}

/** "7", or "3 to 7" if contests differ. */
function describeRounds(contests: readonly Contest[]): string {
  const counts = contests.filter(({ rounds, error }) => rounds.length > 0 && error === undefined)
    .map(({ rounds }) => rounds.length);
  if (counts.length === 0) return "No";
  const { min, max } = spread(counts);
  return min === max ? String(min) : `${min} to ${max}`;
}

/** Shortens an error to one line; compiler errors are pages long. */
function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > ERROR_LENGTH ? `${line.slice(0, ERROR_LENGTH)} …` : line;
}

const ERROR_LENGTH = 300;

/** The contests that count, one for each variant of Causeway and mode of PyTorch. */
function summaries(size: SizeResult): Summary[] {
  return VARIANTS.flatMap((variant) => MODES.flatMap((mode) => hardest(size, variant, mode) ?? []));
}

function describePeer({ contest: { mode, implementation } }: Summary): string {
  return `${MODE_NAMES[mode]}, ${IMPLEMENTATION_NAMES[implementation]}`;
}

export function speedTable(sizes: readonly SizeResult[]): string {
  const headings = [
    "model",
    "Causeway",
    "workers",
    "peer",
    "ratio",
    "Causeway tokens/s",
    "peer's tokens/s",
    "Causeway's share of Gemm",
    "peer's",
    "Gemm GFLOP/s",
    ...(isBusy(sizes) ? ["busy: ratio", "Causeway tokens/s", "peer's tokens/s"] : []),
  ];
  const rows = sizes.flatMap((size) => {
    const failed = new Map(
      size.contests
        .filter(({ variant, mode, error }) =>
          error !== undefined && hardest(size, variant, mode) === undefined
        )
        .map(({ variant, mode }) => [`${variant} ${mode}`, { variant, mode }]),
    );
    return [
      ...summaries(size).map((summary) => speedCells(size, summary)),
      ...[...failed.values()].map(({ variant, mode }) => [
        size.size,
        VARIANT_NAMES[variant],
        String(size.workers ?? 0),
        MODE_NAMES[mode],
        "failed, see below",
      ]),
    ];
  });
  return markdownTable(headings, rows, 4);
}

function speedCells({ size, workers = 0 }: SizeResult, summary: Summary): string[] {
  return [
    size,
    VARIANT_NAMES[summary.contest.variant],
    String(workers),
    describePeer(summary),
    withRange(summary.ratio, 2),
    rounded(summary.ours.median),
    rounded(summary.theirs.median),
    percent(summary.ours_share.median),
    percent(summary.theirs_share.median),
    rounded(summary.ceiling.median / 1e9),
    ...(summary.busy
      ? [
        withRange(summary.busy.ratio, 2),
        rounded(summary.busy.ours.median),
        rounded(summary.busy.theirs.median),
      ]
      : []),
  ];
}

/** Whether anything was measured beside busy programs. */
function isBusy(sizes: readonly SizeResult[]): boolean {
  return sizes.some(({ contests }) => contests.some(({ busy = [] }) => busy.length > 0));
}

function busyNote({ busy }: Results["settings"]): string {
  return `Busy: the same turns beside ${busy} other ${
    busy === 1 ? "program that computes" : "programs that compute"
  } all the time, each on one core.`;
}

export function partsTable({ sizes, benchmark }: Results): string {
  const training = benchmark === "train";
  const headings = [
    "model",
    "process",
    ...(training ? ["forward, ms", "backward, ms", "optimizer, ms"] : []),
    "start-up, s",
    "build, s",
    "first pass, s",
    ...(training ? ["sessions, s"] : []),
    "peak memory, GB",
    "after warm-up, GB",
  ];
  const rows = sizes.flatMap((size) => {
    const sides = new Map<string, SideResult>();
    for (const variant of VARIANTS) {
      const side = size.ours[variant];
      if (side) sides.set(`Causeway ${VARIANT_NAMES[variant]}`, side);
    }
    for (const summary of summaries(size)) {
      if (summary.contest.theirs) sides.set(describePeer(summary), summary.contest.theirs);
    }
    return [...sides].map(([name, side]) => [size.size, name, ...sideCells(side, training)]);
  });
  return markdownTable(headings, rows, 2);
}

function sideCells(side: SideResult, training: boolean): string[] {
  const { prepared } = side;
  return [
    ...(training ? partsOf(side).map(milliseconds) : []),
    fixed(side.start_up_s, 1),
    fixed(prepared.build_s, 1),
    fixed(prepared.first_pass_s, 1),
    ...(training ? [fixed(buildSeconds(side), 1)] : []),
    gigabytes(side.peak_bytes),
    gigabytes(side.steady_peak_bytes),
  ];
}

/** Seconds that the first pass takes longer than later ones. */
function buildSeconds(side: SideResult): number | undefined {
  const [forward, backward] = partsOf(side);
  if (forward === undefined || backward === undefined) return undefined;
  return Math.max(0, side.prepared.first_pass_s - forward - backward);
}

/** Seconds of forward, backward and optimizer. */
function partsOf({ parts }: SideResult): (number | undefined)[] {
  const median = (name: string) => parts[name] && spread(parts[name]).median;
  const forward = median("forward"), together = median("forward_backward");
  const backward = together !== undefined && forward !== undefined
    ? together - forward
    : median("backward");
  return [forward, backward, median("optimizer")];
}
