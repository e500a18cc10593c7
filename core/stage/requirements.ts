/**
 * What a step needs of the machine besides its inputs: plain data, which the runner checks for all steps before the
 * first one starts.
 *
 * @module
 */
import type { Permissions } from "./permissions.ts";

/** What a step with a certain config needs. A stage names what applies; what it leaves out is not needed. */
export interface Requirements {
  /** What the process must be permitted to do, such as `{ run: ["deno"] }`. */
  readonly permissions?: Permissions;
  /** npm packages whose files it reads or runs, as `name@version`. */
  readonly packages?: readonly string[];
  /** Files on the Hugging Face hub that it reads, as `hf://org/name@revision/pattern`. */
  readonly hub?: readonly string[];
  /** Where it computes, if it computes a model: a device, and on the CPU the library that has the precision. */
  readonly compute?: ComputeRequirement;
}

/** A device with a precision and a library, by the names of the config fields. */
export interface ComputeRequirement {
  readonly device: string;
  readonly precision: string;
  readonly kernels: string;
}
