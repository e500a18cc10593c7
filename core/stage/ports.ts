/**
 * Ports: what a stage reads and what it writes. A port is a table with declared columns, or a set of named
 * files (weights, a tokenizer, pictures) whose Arrow table lists each file with its size and digest.
 *
 * @module
 */
import type { Columns } from "./columns.ts";

/** A port that carries one Arrow table. */
export interface TablePort<C extends Columns = Columns> {
  readonly kind: "table";
  readonly columns: C;
  readonly description: string;
}

/**
 * A port that carries named files. `format` tells unlike sets of files apart ("checkpoint", "tokenizer"):
 * two ports fit together when their formats are equal.
 */
export interface FilesPort<F extends string = string> {
  readonly kind: "files";
  readonly format: F;
  readonly description: string;
}

/** What a stage can produce on one output. */
export type Port = TablePort | FilesPort;

/** An input that takes any number of artifacts of the same port, each under a name the recipe chooses. */
export interface ManyPort<P extends Port = Port, Least extends 0 | 1 = 0 | 1> {
  readonly kind: "many";
  readonly port: P;
  /** Artifacts the recipe has to connect at least. With 0 the input may be left out, and is an empty record. */
  readonly at_least: Least;
}

/** An input that the recipe may leave unconnected. */
export interface OptionalPort<P extends Port = Port> {
  readonly kind: "optional";
  readonly port: P;
}

/** What a stage can declare as an input. */
export type InputPort = Port | ManyPort | OptionalPort;

export type InputPorts = Readonly<Record<string, InputPort>>;
export type OutputPorts = Readonly<Record<string, Port>>;

/** Declares a port that carries one table. */
export function table<const C extends Columns>(columns: C, description: string): TablePort<C> {
  return { kind: "table", columns, description };
}

/** Declares a port that carries named files of one format. */
export function files<const F extends string>(format: F, description: string): FilesPort<F> {
  return { kind: "files", format, description };
}

/**
 * Lets an input take a record of artifacts: `many(tokens)` is wired as `{ general: …, code: … }`.
 *
 * @param at_least 1: the record must not be empty; 0: it may be left out.
 */
export function many<P extends Port, const Least extends 0 | 1 = 1>(
  port: P,
  at_least: Least = 1 as Least,
): ManyPort<P, Least> {
  return { kind: "many", port, at_least };
}

/** Lets an input stay unconnected. */
export function optional<P extends Port>(port: P): OptionalPort<P> {
  return { kind: "optional", port };
}
