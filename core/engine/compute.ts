/**
 * Where and how graphs are computed: the config fields that all stages with a model share, and the options of a session.
 *
 * @module
 */
import { z } from "zod";
import { type Device, DEVICES } from "./device.ts";

/** Library that computes on the CPU: ONNX Runtime, which is always installed, or oneDNN, which has bfloat16. */
export type Kernels = "onnxruntime" | "onednn";
export const KERNELS = ["onnxruntime", "onednn"] as const satisfies readonly Kernels[];

export interface Compute {
  /** Threads on the CPU. */
  readonly threads: number;
  readonly device: Device;
  /** Dtype of matrix products; weights, their gradients and the optimizer are float32 in any case. */
  readonly precision: "float32" | "float16" | "bfloat16";
  /** Library that computes on the CPU. */
  readonly kernels?: Kernels;
}

/** Threads of ONNX Runtime; 0: one per core. Results are the same to the bit for the same number. */
const threads = z.number().int().nonnegative().default(0);
/** Where it is computed; `--device` overrides it. Results are the same to the bit on the same device. */
const device = z.enum(DEVICES).default("cpu");
/**
 * Of matrix products; sums, weights and the optimizer stay float32. float16 takes a GPU that has it, and scales the
 * loss; bfloat16 takes the CPU and oneDNN.
 */
const precision = z.enum(["float32", "float16", "bfloat16"]).default("float32");
/** Library that computes on the CPU; oneDNN is to be installed. */
const kernels = z.enum(KERNELS).default("onnxruntime");

/** Config fields of every stage that computes a model. */
export const compute_fields = { threads, device, precision, kernels };

/**
 * The compute options of a config.
 *
 * @throws {Error} when a precision is asked of a device that has no kernels for it.
 */
export function computeOptions(config: Partial<Compute> = {}): Compute {
  const { threads = 0, device = "cpu", precision = "float32" } = config;
  if (device === "cpu" && precision === "float16") {
    throw new Error(
      'precision "float16" takes device "webgpu" or "cuda"; the CPU has float32 and bfloat16',
    );
  }
  if (device !== "cpu" && precision === "bfloat16") {
    throw new Error(`precision "bfloat16" takes device "cpu"; ${device} has float32 and float16`);
  }
  // Only oneDNN has bfloat16.
  const kernels = precision === "bfloat16" ? "onednn" : config.kernels ?? "onnxruntime";
  if (device !== "cpu" && kernels === "onednn") {
    throw new Error(`kernels "onednn" takes device "cpu", not ${device}`);
  }
  return {
    threads: threads > 0 ? threads : navigator.hardwareConcurrency,
    device,
    precision,
    kernels,
  };
}

/** Options of a session; what is left out has the default of {@linkcode compute_fields}. */
export type SessionOptions = Partial<Compute>;
