/**
 * Running graphs, on ONNX Runtime or oneDNN: {@linkcode compile} gives a {@linkcode Session}.
 *
 * @module
 */
export { type ComputeNeeds, computeNeeds, computeProblem } from "./availability.ts";
export { compile, SessionCache } from "./compile.ts";
export {
  type Compute,
  compute_fields,
  computeOptions,
  type Device,
  DEVICES,
  type Kernels,
  type SessionOptions,
  workerCount,
} from "./compute.ts";
export { addTo, sharedFloats, sumOfSquares, updateAdamW } from "./kernels/kernels.ts";
export { OneDnnUnavailable, openOneDnn } from "./onednn/library.ts";
export { Program } from "./onednn/program.ts";
export { DeviceUnavailable } from "./ort/device.ts";
export { SessionPool, type Work } from "./pool/session_pool.ts";
export { CrossProducts } from "./products.ts";
export { DeviceTensor, type Feeds, type Session, type Tensor, type TensorData } from "./session.ts";
export { Transfer } from "./transfer.ts";
