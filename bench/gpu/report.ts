/**
 * Results of the GPU benchmark as Markdown.
 *
 * @module
 */
import { isHalf, isOurs, type Mode } from "./options.ts";
import {
  type Measurement,
  outcomeDifference,
  reference,
  type Results,
  TOLERANCE,
} from "./results.ts";
import {
  fixed,
  gigabytes,
  markdownTable,
  milliseconds,
  rounded,
  spread,
} from "../shared/measurements.ts";

const NAMES: Readonly<Record<Mode, string>> = {
  float32: "Causeway fp32",
  float16: "Causeway fp16",
  eager: "PyTorch eager fp32",
  bf16: "PyTorch eager bf16",
  compile: "PyTorch compiled fp32",
  compile_bf16: "PyTorch compiled bf16",
};

export function renderReport(results: Results): string {
  const { machine, torch_problem, elapsed_s, finished } = results;
  const failed = failures(results);
  return [
    "# Training on a GPU",
    `${machine.date}, ${machine.gpu}, driver ${
      machine.driver ?? "unknown"
    }; ${machine.processor}, ` +
    `${machine.cores} cores, ${machine.kernel}. Deno ${machine.deno}, ONNX Runtime ${machine.onnxruntime}, ` +
    `PyTorch ${machine.torch}. ${Math.round(elapsed_s)} s${finished ? "" : ", unfinished"}.`,
    deviceLine(results),
    ...(torch_problem ? [`PyTorch was not measured: ${oneLine(torch_problem)}.`] : []),
    "## Gradients against the CPU in float32",
    checksTable(results),
    "Errors are ‖a − b‖ / ‖b‖ of the parameter where it is largest, and |a − b| / |b| of the loss.",
    "## Speed",
    speedTable(results),
    "A step is forward, backward, clipping and AdamW; tokens/s from the median step, with those of the slowest and the " +
    "fastest step in parentheses. The ratio is against the fastest PyTorch: Causeway fp32 against its fp32, fp16 against " +
    "its bf16. TFLOP/s count matrix products only. The difference is that of loss and gradient norm of the first batch " +
    "from PyTorch's eager fp32 (without it from Causeway's fp32). Memory is what nvidia-smi shows more than before for " +
    "Causeway, what PyTorch reserved for PyTorch.",
    ...(failed.length > 0 ? ["## Not measured", failed.join("\n")] : []),
  ].join("\n\n") + "\n";
}

function deviceLine({ attempts, settings }: Results): string {
  const found = attempts.find(({ error }) => error === undefined);
  const tried = attempts.length === 1 ? "1 way" : `${attempts.length} ways`;
  if (found) return `Causeway's device: ${settings.device}, by ${found.name} (${tried} tried).`;
  return attempts.length > 0
    ? `**Causeway found no ${settings.device} device** (${tried} tried).`
    : "Causeway's device was not looked for yet.";
}

function checksTable({ checks }: Results): string {
  const rows = checks.map((check) => [
    check.size,
    check.precision,
    check.loss_error?.toExponential(1) ?? "–",
    check.gradient_error?.toExponential(1) ?? "–",
    check.parameter || "–",
    check.tolerance.toExponential(0),
    check.passed ? "passed" : check.error ? "failed, see below" : "**failed**",
  ]);
  const headings = ["model", "precision", "loss", "gradient", "parameter", "tolerance", "result"];
  return markdownTable(headings, rows, 2);
}

/** Tokens per second: the median step, the slowest and the fastest one. */
function speed(results: Results, { size, seconds }: Measurement) {
  const { rows, length } = results.sizes.find(({ name }) => name === size)!;
  const { median, min, max } = spread(seconds);
  const tokens = rows * length;
  return { median: tokens / median, min: tokens / max, max: tokens / min };
}

/** Causeway's speed over that of the fastest PyTorch in float32, or in bfloat16; undefined if one is missing. */
export function ratio(results: Results, ours: Measurement): number | undefined {
  if (ours.seconds.length === 0) return undefined;
  const theirs = results.measurements.filter(({ size, mode, seconds }) =>
    size === ours.size && !isOurs(mode) && isHalf(mode) === isHalf(ours.mode) && seconds.length > 0
  );
  if (theirs.length === 0) return undefined;
  const fastest = Math.max(...theirs.map((m) => speed(results, m).median));
  return speed(results, ours).median / fastest;
}

export function speedTable(results: Results): string {
  const order = Object.keys(NAMES);
  const rows = results.sizes.flatMap((size) => {
    const base = reference(results, size.name);
    const measured = results.measurements.filter((m) =>
      m.size === size.name && m.seconds.length > 0
    )
      .sort((a, b) => order.indexOf(a.mode) - order.indexOf(b.mode));
    return measured.map((m) => {
      const { median, min, max } = speed(results, m);
      const step = spread(m.seconds).median;
      return [
        size.name,
        NAMES[m.mode],
        `${rounded(median)} (${rounded(min)}–${rounded(max)})`,
        isOurs(m.mode) ? fixed(ratio(results, m), 2) : "–",
        fixed(size.flops_per_step / step / 1e12, 2),
        milliseconds(step),
        String(m.seconds.length),
        fixed(m.first_pass_s, 1),
        difference(m, base),
        gigabytes(m.memory_bytes),
      ];
    });
  });
  const headings = ["model", "program", "tokens/s", "ratio", "TFLOP/s", "step, ms", "steps"];
  const more = ["first step, s", "difference", "memory, GB"];
  return markdownTable([...headings, ...more], rows, 2);
}

/** Bold where rounding does not explain it. */
function difference(m: Measurement, base: Measurement | undefined): string {
  if (!m.first || !base?.first || m === base) return "–";
  const value = outcomeDifference(m.first, base.first);
  const text = value.toExponential(1);
  return value <= (isHalf(m.mode) ? TOLERANCE.half : TOLERANCE.float32) ? text : `**${text}**`;
}

function failures({ attempts, checks, measurements }: Results): string[] {
  const line = (what: string, error: string | undefined) =>
    error === undefined ? [] : [`- ${what}: ${oneLine(error)}`];
  return [
    ...attempts.flatMap(({ name, error }) => line(name, error)),
    ...checks.flatMap(({ size, precision, error }) =>
      line(`gradients of ${size}, ${precision}`, error)
    ),
    ...measurements.flatMap(({ size, mode, error }) => line(`${size}, ${NAMES[mode]}`, error)),
  ];
}

const oneLine = (text: string) => text.replace(/\s+/g, " ").trim().slice(0, 300);
