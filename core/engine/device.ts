/**
 * Where graphs are computed.
 *
 * @module
 */
import { cString, type Handle, type OrtLibrary } from "./ort_library.ts";

/** A kind of processor: the CPU, any GPU through WebGPU, an NVIDIA GPU through CUDA. */
export type Device = "cpu" | "webgpu" | "cuda";
export const DEVICES = ["cpu", "webgpu", "cuda"] as const satisfies readonly Device[];

/** What ONNX Runtime calls the memory of a device. */
export const DEVICE_MEMORY: Readonly<Record<Exclude<Device, "cpu">, string>> = {
  webgpu: "WebGPU_Buf",
  cuda: "Cuda",
};

const MEND: Readonly<Record<Exclude<Device, "cpu">, string>> = {
  webgpu: "it takes a GPU with a driver for Vulkan (Linux), Metal (macOS) or Direct3D 12 (Windows)",
  cuda: "it takes an NVIDIA GPU, CUDA with cuDNN, and onnxruntime-node's CUDA provider, which " +
    "`deno install --allow-scripts=npm:onnxruntime-node` downloads on Linux",
};

/** A device that is not there, or whose provider is not. */
export class DeviceUnavailable extends Error {
  override name = "DeviceUnavailable";

  constructor(readonly device: Exclude<Device, "cpu">, cause: string) {
    super(`there is no ${device} device: ${cause}; ${MEND[device]}. Or choose device cpu`);
  }
}

/**
 * Adds the provider of a device to session options, and forbids the CPU to take over what it cannot do.
 *
 * @throws {DeviceUnavailable}
 */
export function appendProvider(library: OrtLibrary, options: Handle, device: Device): void {
  if (device === "cpu") return;
  library.call(
    "AddSessionConfigEntry",
    options,
    cString("session.disable_cpu_ep_fallback"),
    cString("1"),
  );
  try {
    if (device === "cuda") appendCuda(library, options);
    else {
      const none = new BigUint64Array(1);
      library.call("AppendExecutionProvider", options, cString("WebGPU"), none, none, 0n);
    }
  } catch (error) {
    throw new DeviceUnavailable(device, brief((error as Error).message));
  }
}

function appendCuda(library: OrtLibrary, options: Handle): void {
  const cuda = library.create("CreateCUDAProviderOptions");
  try {
    library.call("AppendCudaProvider", options, cuda);
  } finally {
    library.release("ReleaseCUDAProviderOptions", cuda);
  }
}

/** The library's message without its source file and function. */
function brief(message: string): string {
  return message.replace(/^\/?\S+:\d+ .*?(?: was false\. |\[ONNXRuntimeError\] : )/s, "")
    .trim().replace(/\.$/, "");
}
