/**
 * Results of the GPU benchmark: one JSON file, written again after every measurement.
 *
 * @module
 */
import { z } from "zod";
import { MODES, OUR_MODES } from "./options.ts";

/** Loss of the first batch with the initial weights, and the norm of its gradient. */
const outcome_schema = z.object({ loss: z.number(), grad_norm: z.number() });
export type Outcome = z.output<typeof outcome_schema>;

/** A gradient on the GPU against the same on the CPU in float32. */
const check_schema = z.object({
  size: z.string(),
  precision: z.enum(OUR_MODES),
  /** Largest allowed value of both errors. */
  tolerance: z.number(),
  /** |a - b| / |b| of the loss. */
  loss_error: z.number().optional(),
  /** ‖a - b‖ / ‖b‖ of the gradient, in the parameter where it is largest. */
  gradient_error: z.number().optional(),
  parameter: z.string().optional(),
  /** What the loss was multiplied by, so that float16 does not underflow. */
  loss_scale: z.number().optional(),
  passed: z.boolean(),
  error: z.string().optional(),
});
export type Check = z.output<typeof check_schema>;

/** Training steps of one model in one mode. */
const measurement_schema = z.object({
  size: z.string(),
  mode: z.enum(MODES),
  /** Seconds until the process had loaded its libraries. */
  start_up_s: z.number().optional(),
  /** Seconds to make model, weights and optimizer. */
  build_s: z.number().optional(),
  /** Seconds of the first step, which compiles kernels. */
  first_pass_s: z.number().optional(),
  first: outcome_schema.optional(),
  /** Seconds of each timed step. */
  seconds: z.array(z.number()),
  /** Bytes on the GPU: PyTorch's own count, and for Causeway what nvidia-smi shows more than before. */
  memory_bytes: z.number().optional(),
  error: z.string().optional(),
});
export type Measurement = z.output<typeof measurement_schema>;

const fact = z.union([z.string(), z.number()]);

const results_schema = z.object({
  benchmark: z.literal("gpu"),
  /** Machine, driver and versions; a program that is missing is told by its error. */
  machine: z.record(z.string(), fact),
  settings: z.record(z.string(), fact),
  sizes: z.array(z.object({
    name: z.string(),
    parameters: z.number(),
    rows: z.number(),
    length: z.number(),
    /** Floating-point operations of the step's matrix products. */
    flops_per_step: z.number(),
  })),
  /** How the device was looked for, in this order; the one without an error was used. */
  attempts: z.array(z.object({
    name: z.string(),
    env: z.record(z.string(), z.string()),
    error: z.string().optional(),
  })),
  checks: z.array(check_schema),
  measurements: z.array(measurement_schema),
  /** Why PyTorch was not measured. */
  torch_problem: z.string().optional(),
  elapsed_s: z.number(),
  finished: z.boolean(),
});
export type Results = z.output<typeof results_schema>;

/** Largest relative error that is no mistake: rounding of float32, and of 11 bits (float16) or 8 bits (bfloat16). */
export const TOLERANCE = { float32: 1e-4, half: 3e-2 };

/** Reads a results file. @throws {Error} if it is missing or not a results file. */
export function readResults(path: string): Results {
  let data: unknown;
  try {
    data = JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    throw new Error(`--report ${path}: ${(error as Error).message}`);
  }
  const { success, error, data: results } = results_schema.safeParse(data);
  if (success) return results;
  const { path: place, message } = error.issues[0];
  throw new Error(
    `--report ${path} is not a results file of bench:gpu: ${place.join(".")}: ${message}`,
  );
}

/** The outcome that the others of a size are compared with: PyTorch's in float32, else Causeway's. */
export function reference(results: Results, size: string): Measurement | undefined {
  const of = (mode: string) =>
    results.measurements.find((m) => m.size === size && m.mode === mode && m.first !== undefined);
  return of("eager") ?? of("float32");
}

/** Largest relative difference of loss and gradient norm; NaN where one is not finite. */
export function outcomeDifference(a: Outcome, b: Outcome): number {
  const relative = (x: number, y: number) => Math.abs(x - y) / Math.abs(y);
  return Math.max(relative(a.loss, b.loss), relative(a.grad_norm, b.grad_norm));
}
