/**
 * Execution of graphs on ONNX Runtime.
 *
 * @module
 */
export { Session, type SessionOptions, type TensorData } from "./session.ts";
export { CrossProducts } from "./products.ts";
