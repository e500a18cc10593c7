/**
 * Execution of graphs on ONNX Runtime.
 *
 * @module
 */
export {
  type Compute,
  compute_fields,
  computeOptions,
  KERNELS,
  type Kernels,
  type SessionOptions,
} from "./compute.ts";
export { type Device, DEVICES, DeviceUnavailable } from "./device.ts";
export { compileGraph, type HostSession } from "./compile_graph.ts";
export { OneDnnUnavailable } from "./onednn/find.ts";
export { type Feeds, Session } from "./session.ts";
export { DeviceTensor, type Tensor, type TensorData } from "./tensor.ts";
export { CrossProducts } from "./products.ts";
export { type HostTensor, Transfer } from "./transfer.ts";
