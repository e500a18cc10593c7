/**
 * How a recipe connects steps: typed references to outputs, and the same rules checked again at load.
 *
 * @module
 */
import {
  columnFits,
  type FilesPort,
  type InputPort,
  type InputPorts,
  type ManyPort,
  type OptionalPort,
  type OutputPorts,
  type Port,
  type TablePort,
} from "../stage/mod.ts";
import type { Problem } from "./problems.ts";

/** One output of a step, to be wired into inputs of later steps. */
export interface Ref<P extends Port = Port> {
  readonly step: string;
  readonly output: string;
  readonly port: P;
}

/** Refs to all outputs of a step. */
export type Refs<O extends OutputPorts> = { readonly [K in keyof O]: Ref<O[K]> };

type Wire<P> = P extends ManyPort<infer Q> ? Readonly<Record<string, Ref<Q>>>
  : P extends OptionalPort<infer Q> ? Ref<Q> | undefined
  : P extends TablePort | FilesPort ? Ref<P>
  : never;

type OptionalKeys<I> = {
  [K in keyof I]: I[K] extends OptionalPort | ManyPort<Port, 0> ? K : never;
}[keyof I];

/** What a recipe passes as `inputs`: a ref per port, a record of refs for `many`, nothing for `optional`. */
export type Wiring<I extends InputPorts> =
  & { readonly [K in Exclude<keyof I, OptionalKeys<I>>]: Wire<I[K]> }
  & { readonly [K in OptionalKeys<I>]?: Wire<I[K]> };

/** Wiring after the check: labels sorted, so that the order in a recipe cannot reach an artifact. */
export type Wired = Readonly<Record<string, Ref | Readonly<Record<string, Ref>>>>;

/** Port of a step that is so wrong that nothing is known of its outputs. It fits every input: that has been told. */
export const UNKNOWN_PORT = { kind: "unknown" } as unknown as Port;

/**
 * Checks the inputs of one step against the stage's ports.
 *
 * @param where the step, for messages.
 * @param is_ref whether a value is a ref of this very recipe.
 * @param problems gets a sentence for each port that is missing, unknown, or does not fit.
 * @returns the inputs that are right.
 */
export function checkWiring(
  where: string,
  ports: InputPorts,
  wiring: Readonly<Record<string, unknown>>,
  is_ref: (value: unknown) => value is Ref,
  problems: Problem[],
): Wired {
  const fail = (message: string) => void problems.push({ message });
  for (const name of Object.keys(wiring)) {
    if (Object.hasOwn(ports, name)) continue;
    const known = Object.keys(ports).join(", ") || "none";
    fail(`${where} has no input "${name}"; its inputs are: ${known}`);
  }
  const wired: Record<string, Ref | Record<string, Ref>> = {};
  for (const name of Object.keys(ports).sort()) {
    const port = ports[name];
    const at = `${where}, input "${name}"`;
    const check = (value: unknown, wanted: Port, label = ""): Ref | undefined => {
      if (!is_ref(value)) return fail(`${at}${label} ${explainMissing(value, port)}`);
      const misfit = value.port === UNKNOWN_PORT ? undefined : whyNot(value.port, wanted);
      if (!misfit) return value;
      return fail(`${at}${label} cannot take ${value.step}.${value.output}: ${misfit}`);
    };
    const value = wiring[name];
    if (port.kind === "optional" && value === undefined) continue;
    const connected = port.kind === "many"
      ? checkMany(at, value, port, check, is_ref, fail)
      : check(value, port.kind === "optional" ? port.port : port);
    if (connected) wired[name] = connected;
  }
  return wired;
}

function checkMany(
  at: string,
  value: unknown,
  port: ManyPort,
  check: (value: unknown, port: Port, label: string) => Ref | undefined,
  is_ref: (value: unknown) => value is Ref,
  fail: (message: string) => void,
): Record<string, Ref> | undefined {
  if (value === undefined && port.at_least === 0) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value) || is_ref(value)) {
    return void fail(`${at} takes a record of outputs, { label: step.output, … }`);
  }
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length < port.at_least) return void fail(`${at} needs at least one output`);
  const checked = entries.map(([label, ref]) => [label, check(ref, port.port, ` (${label})`)]);
  return Object.fromEntries(checked.filter(([, ref]) => ref !== undefined));
}

function explainMissing(value: unknown, port: InputPort): string {
  if (value === undefined) return "is not connected";
  const of_many = port.kind === "many" ? " of the record" : "";
  return `takes an output${of_many} that recipe.step returned in this recipe`;
}

const KIND = { table: "a table", files: "files" } as const;

/** Why an output does not fit an input, or undefined when it does. A table may have more columns than asked. */
function whyNot(output: Port, input: Port): string | undefined {
  if (output.kind !== input.kind) {
    return `it carries ${KIND[output.kind]}, the input takes ${KIND[input.kind]}`;
  }
  if (output.kind === "files" && input.kind === "files") {
    return output.format === input.format
      ? undefined
      : `it holds ${output.format} files, the input takes ${input.format}`;
  }
  if (output.kind !== "table" || input.kind !== "table") return undefined;
  for (const [name, type] of Object.entries(input.columns)) {
    if (!(name in output.columns)) return `it has no column "${name}"`;
    if (!columnFits(output.columns[name], type)) {
      return `its column "${name}" is ${output.columns[name]}, not ${type}`;
    }
  }
}
