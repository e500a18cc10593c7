/**
 * Messages between {@linkcode RemoteThread} and its worker.
 *
 * @module
 */
import type { GraphData } from "../../graph/mod.ts";
import type { SessionOptions } from "../compute.ts";
import type { TensorData } from "../session.ts";

export type Tensors = Readonly<Record<string, TensorData>>;

/** A session is known by a number that the sender chooses. */
export type Request =
  & { readonly session: number }
  & (
    | { readonly type: "compile"; readonly graph: GraphData; readonly options: SessionOptions }
    /** Tensors that were sent before, and that are still the same memory, are left out of `feeds`. */
    | { readonly type: "run"; readonly feeds: Tensors; readonly into: Tensors }
    | { readonly type: "release" }
  );

/** The answer to each request, in order: outputs of a run that were not written to shared memory, or why it failed. */
export type Answer =
  | { readonly outputs: Tensors }
  | { readonly error: { readonly name: string; readonly message: string } };
