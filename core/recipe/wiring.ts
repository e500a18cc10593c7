/**
 * How a recipe connects steps: typed references to outputs. The compiler checks them in TypeScript recipes; the same
 * rules are checked again when a recipe is loaded.
 *
 * @module
 */
import { keyFault } from "../words/mod.ts";
import { hasForeignPrototype } from "./names.ts";
import {
  columnFits,
  type FilesPort,
  type InputPorts,
  type ManyPort,
  type NullableElement,
  type OptionalPort,
  type OutputPorts,
  type Port,
  type TablePort,
} from "../stage/mod.ts";

/** One output of a step, to be connected to inputs of later steps. */
export interface Ref<P extends Port = Port> {
  readonly step: string;
  readonly output: string;
  readonly port: P;
}

/** Refs to all outputs of a step. */
export type Refs<O extends OutputPorts> = { readonly [K in keyof O]: Ref<O[K]> };

/** Outputs that an input accepts: a table without nulls fits an input whose columns may have some. */
type Fitting<P extends Port> = P extends TablePort<infer C> ? Ref<
    TablePort<
      {
        [K in keyof C]: C[K] extends `nullable<${infer E extends NullableElement}>` ? C[K] | E
          : C[K];
      }
    >
  >
  : Ref<P>;

type Wire<P> = P extends ManyPort<infer Q> ? Readonly<Record<string, Fitting<Q>>>
  : P extends OptionalPort<infer Q> ? Fitting<Q> | undefined
  : P extends TablePort | FilesPort ? Fitting<P>
  : never;

type OptionalKeys<I> = {
  [K in keyof I]: I[K] extends OptionalPort | ManyPort<Port, 0> ? K : never;
}[keyof I];

/** What a recipe passes as `inputs`: a ref per port, a record of refs for `many`, nothing for `optional`. */
export type Wiring<I extends InputPorts> =
  & { readonly [K in Exclude<keyof I, OptionalKeys<I>>]: Wire<I[K]> }
  & { readonly [K in OptionalKeys<I>]?: Wire<I[K]> };

/** Inputs after the check, by port. Labels are sorted: their order in the recipe must not reach an artifact. */
export type Wired = Readonly<Record<string, Ref | Readonly<Record<string, Ref>>>>;

/** Port of a step whose outputs are unknown because its stage is invalid. It fits every input, to report that only once. */
export const UNKNOWN_PORT = { kind: "unknown" } as unknown as Port;

/** Applies a function to every ref of a step's inputs; the result has the same structure. */
export function mapWired<T>(
  inputs: Wired,
  map: (ref: Ref) => T,
): Record<string, T | Record<string, T>> {
  return Object.fromEntries(
    Object.entries(inputs).map(([port, wire]) => {
      if (isRef(wire)) return [port, map(wire)];
      const many = Object.entries(wire).map(([label, ref]) => [label, map(ref)]);
      return [port, Object.fromEntries(many)];
    }),
  );
}

/** Ids of the steps that a step reads, each once. */
export function upstream({ inputs }: { readonly inputs: Wired }): string[] {
  const refs = Object.values(inputs).flatMap((wire) => isRef(wire) ? [wire] : Object.values(wire));
  return [...new Set(refs.map((ref) => ref.step))];
}

function isRef(wire: Wired[string]): wire is Ref {
  return typeof wire.step === "string" && "port" in wire;
}

/**
 * Checks the inputs of one step against the stage's ports.
 *
 * @param where the step, for messages.
 * @param isOwnRef whether a value is a ref of this very recipe.
 * @param fail called with a sentence for each port that is missing, unknown, or of the wrong type.
 * @returns the inputs that are valid.
 */
export function checkWiring(
  where: string,
  ports: InputPorts,
  wiring: Readonly<Record<string, unknown>>,
  isOwnRef: (value: unknown) => value is Ref,
  fail: (message: string) => void,
): Wired {
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
      if (!isOwnRef(value)) return void fail(`${at}${label} ${explainMissing(value)}`);
      const mismatch = value.port === UNKNOWN_PORT ? undefined : mismatchOf(value.port, wanted);
      if (!mismatch) return value;
      fail(`${at}${label} does not accept ${value.step}.${value.output}: ${mismatch}`);
    };
    const value = wiring[name];
    if (port.kind === "optional" && value === undefined) continue;
    if (port.kind !== "many") {
      const ref = check(value, port.kind === "optional" ? port.port : port);
      if (ref) wired[name] = ref;
    } else if (value === undefined && port.at_least === 0) wired[name] = {};
    else if (
      typeof value !== "object" || value === null || Array.isArray(value) || isOwnRef(value) ||
      hasForeignPrototype(value)
    ) {
      fail(`${at} needs a record of outputs, { label: step.output, … }`);
    } else {
      const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
      if (entries.length < port.at_least) fail(`${at} needs at least one output`);
      for (const fault of new Set(entries.flatMap(([label]) => keyFault(label) ?? []))) {
        fail(`${at}: ${fault}`);
      }
      const checked = entries.map(([label, ref]) => [label, check(ref, port.port, ` (${label})`)]);
      wired[name] = Object.fromEntries(checked.filter(([, ref]) => ref !== undefined));
    }
  }
  return wired;
}

function explainMissing(value: unknown): string {
  return value === undefined
    ? "is not connected"
    : "must be an output that recipe.step returned in this recipe";
}

const KIND = { table: "a table", files: "files" } as const;

/** Why an output does not fit an input; undefined when it does. A table may have more columns than the input needs. */
function mismatchOf(output: Port, input: Port): string | undefined {
  if (output.kind !== input.kind) {
    return `it is ${KIND[output.kind]}, the input needs ${KIND[input.kind]}`;
  }
  if (output.kind === "files" && input.kind === "files") {
    if (output.format === input.format) return undefined;
    return `it is "${output.format}" files, the input needs "${input.format}" files`;
  }
  if (output.kind !== "table" || input.kind !== "table") return undefined;
  for (const [name, type] of Object.entries(input.columns)) {
    if (!Object.hasOwn(output.columns, name)) return `it has no column "${name}"`;
    if (!columnFits(output.columns[name], type)) {
      return `its column "${name}" is ${output.columns[name]}, not ${type}`;
    }
  }
}
