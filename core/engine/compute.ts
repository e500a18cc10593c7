/**
 * Where and how graphs are computed: the config fields that all stages with a model share, and the options of a session.
 *
 * @module
 */
import { z } from "zod";
import { count } from "../config/mod.ts";

/** A kind of processor: the CPU, any GPU through WebGPU, an NVIDIA GPU through CUDA. */
export const DEVICES = ["cpu", "webgpu", "cuda"] as const;
export type Device = typeof DEVICES[number];

/** Library that computes on the CPU: ONNX Runtime, which is always installed, or oneDNN, which has bfloat16. */
export const KERNELS = ["onnxruntime", "onednn"] as const;
export type Kernels = typeof KERNELS[number];

/** CPU threads inside one operator; 0: one per core. The same number gives the same bits. */
const threads = count.default(0);
/** Where to compute; `--device` overrides it. The same device gives the same bits. */
const device = z.enum(DEVICES).default("cpu");
/**
 * Dtype of matrix products; sums, weights, gradients and the optimizer stay float32. float16 needs a GPU and scales
 * the loss; bfloat16 needs the CPU and oneDNN.
 */
const precision = z.enum(["float32", "float16", "bfloat16"]).default("float32");
/** Library that computes on the CPU; oneDNN has to be installed. */
const kernels = z.enum(KERNELS).default("onnxruntime");

/** Config fields of every stage that computes a model. */
export const compute_fields = { threads, device, precision, kernels };

/** Where and how a model is computed. */
export type Compute = Readonly<z.output<z.ZodObject<typeof compute_fields>>>;

/** Options of a session; fields left out have the defaults of {@linkcode compute_fields}. */
export type SessionOptions = Partial<Compute>;

/**
 * The compute options of a config, with threads counted.
 *
 * @throws {Error} when the device has no kernels of this precision or library.
 */
export function computeOptions(config: SessionOptions = {}): Compute {
  const { threads = 0, device = "cpu", precision = "float32" } = config;
  if (device === "cpu" && precision === "float16") {
    throw new Error(
      'precision "float16" needs device "webgpu" or "cuda"; the CPU has float32 and bfloat16',
    );
  }
  if (device !== "cpu" && precision === "bfloat16") {
    throw new Error(`precision "bfloat16" needs device "cpu"; ${device} has float32 and float16`);
  }
  // Only oneDNN has bfloat16.
  const kernels = precision === "bfloat16" ? "onednn" : config.kernels ?? "onnxruntime";
  if (device !== "cpu" && kernels === "onednn") {
    throw new Error(`kernels "onednn" needs device "cpu", not ${device}`);
  }
  return {
    threads: threads > 0 ? threads : navigator.hardwareConcurrency,
    device,
    precision,
    kernels,
  };
}
