/**
 * Execution providers of ONNX Runtime: what makes a session run on a GPU.
 *
 * @module
 */
import type { Device } from "../compute.ts";
import type { Handle } from "../signature.ts";
import { cString, type OrtLibrary } from "./library.ts";

/** What ONNX Runtime calls the memory of a device. */
export const DEVICE_MEMORY: Readonly<Record<Exclude<Device, "cpu">, string>> = {
  webgpu: "WebGPU_Buf",
  cuda: "Cuda",
};

/** What a device needs. */
const REQUIREMENT: Readonly<Record<Exclude<Device, "cpu">, string>> = {
  webgpu: "it needs a GPU with a driver for Vulkan (Linux), Metal (macOS) or Direct3D 12 (Windows)",
  cuda: "it needs an NVIDIA GPU, CUDA with cuDNN, and onnxruntime-node's CUDA provider, which " +
    "`deno install --allow-scripts=npm:onnxruntime-node` downloads on Linux",
};

/** This machine does not have the device, or ONNX Runtime lacks its provider. */
export class DeviceUnavailable extends Error {
  override name = "DeviceUnavailable";

  constructor(readonly device: Exclude<Device, "cpu">, cause: string) {
    super(`no ${device} device: ${cause}; ${REQUIREMENT[device]}. Or choose device "cpu"`);
  }
}

/**
 * Adds a device's execution provider to session options, and disables the fallback to the CPU.
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
