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

/**
 * Workers on the CPU, with one thread each: they compute whole micro-batches side by side, which are summed in order, so
 * any number of workers gives the same bits. 0: none, all threads share each operator. "auto": as many as threads, for
 * models of 100,000 to 40 million parameters, where that is faster.
 */
const workers = z.union([z.literal("auto"), count]).default("auto");

/** Config fields of every stage that computes a model. */
export const compute_fields = { threads, workers, device, precision, kernels };

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
  const { threads = 0, workers = "auto", device = "cpu", precision = "float32" } = config;
  if (device === "cpu" && precision === "float16") {
    throw new Error(
      'precision "float16" needs device "webgpu" or "cuda"; the CPU has float32 and bfloat16',
    );
  }
  if (device !== "cpu" && precision === "bfloat16") {
    throw new Error(`precision "bfloat16" needs device "cpu"; ${device} has float32 and float16`);
  }
  if (device !== "cpu" && workers !== "auto" && workers > 0) {
    throw new Error(`workers need device "cpu", not ${device}; set workers to 0`);
  }
  // Only oneDNN has bfloat16.
  const kernels = precision === "bfloat16" ? "onednn" : config.kernels ?? "onnxruntime";
  if (device !== "cpu" && kernels === "onednn") {
    throw new Error(`kernels "onednn" needs device "cpu", not ${device}`);
  }
  return {
    threads: threads > 0 ? threads : navigator.hardwareConcurrency,
    workers,
    device,
    precision,
    kernels,
  };
}

/**
 * Parameters of models that workers compute faster. In smaller ones a micro-batch takes no longer than the messages;
 * larger ones spend their time in products that keep all threads busy, and each worker needs a gradient of its own.
 */
const FASTER = { from: 100e3, to: 40e6 };

/**
 * The number of workers for a model of this many parameters.
 *
 * @returns 0 where the threads share each operator.
 */
export function workerCount({ threads, workers, device }: Compute, parameters: number): number {
  if (workers !== "auto") return workers;
  const is_faster = parameters >= FASTER.from && parameters <= FASTER.to;
  return device === "cpu" && threads > 1 && is_faster ? threads : 0;
}
