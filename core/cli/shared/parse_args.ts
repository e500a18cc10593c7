/**
 * Command-line flags, with the call signature and documented behaviour of `parseArgs` of `@std/cli`, so that
 * `@std/cli/parse-args` in deno.json can point at either.
 *
 * The npm ancestor of that function, minimist, differs where it matters: it collects every repeated flag,
 * takes every `--no-` as a negation, and tells `unknown` less.
 *
 * @module
 */

type Names<K extends string = string> = K | readonly K[];
type Value = string | number | boolean;

/** Options of `parseArgs`. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  D = Record<string, unknown>,
> {
  /** Put what follows "--" into `"--"` instead of `_`. */
  "--"?: boolean;
  /** Other names of a flag. */
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Flags that take no value; `true` makes all `--flags` without "=" such. */
  boolean?: boolean | Names<B>;
  /** Values of flags that are not given. */
  default?: D;
  /** Stop at the first argument that is no flag; the rest goes to `_`. */
  stopEarly?: boolean;
  /** Flags whose values are never turned into numbers; "_" keeps the other arguments strings. */
  string?: Names<S>;
  /** Flags that may be repeated and give an array; others keep the last value. */
  collect?: Names<C>;
  /** Flags that `--no-flag` sets to false. */
  negatable?: Names;
  /** Called for each argument that was not declared; `false` leaves it out of the result. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Result of `parseArgs`: flags by name, other arguments under `_`. */
export type Args<B extends string, S extends string, C extends string, D> =
  & { [K in B]: K extends C ? boolean[] : boolean }
  & { [K in Exclude<S, keyof D | C>]?: string }
  & { [K in Extract<S, keyof D>]: string }
  & { [K in Extract<S, C>]: string[] }
  // deno-lint-ignore no-explicit-any -- a flag that was not declared may hold anything
  & { _: (string | number)[]; "--"?: string[]; [flag: string]: any };

const FLAG = /^-(?:(?<double>-)(?<negated>no-)?)?(?<key>.+?)(?:=(?<value>.+?))?$/s;
const LETTER = /[A-Za-z]/;
const ENDS_IN_NUMBER = /-?\d+(\.\d*)?(e-?\d+)?$/;
const LOOKS_LIKE_FLAG = /^(-|--)[^-]/;

/**
 * Parses command-line arguments.
 *
 * @param args usually `Deno.args`.
 *
 * @example
 * ```ts
 * import { parseArgs } from "./parse_args.ts";
 * import assert from "node:assert/strict";
 * const args = parseArgs(["--out=x", "-q", "file"], {
 *   string: ["out"],
 *   boolean: ["quiet"],
 *   alias: { quiet: "q" },
 * });
 * assert.deepEqual([args.out, args.quiet, args._], ["x", true, ["file"]]);
 * ```
 */
export function parseArgs<
  const B extends string = never,
  const S extends string = never,
  const C extends string = never,
  const D extends Readonly<Record<string, unknown>> = Record<never, never>,
>(args: readonly string[], options: ParseOptions<B, S, C, D> = {}): Args<B, S, C, D> {
  return new Parser(options as ParseOptions).parse(args) as Args<B, S, C, D>;
}

type Result = { _: (string | number)[]; "--"?: string[] } & Record<string, unknown>;

class Parser {
  readonly #result: Result = { _: [] };
  readonly #aliases = new Map<string, Set<string>>();
  readonly #booleans: Set<string>;
  readonly #strings: Set<string>;
  readonly #collected: Set<string>;
  readonly #negatable: Set<string>;
  readonly #all_booleans: boolean;

  constructor(private readonly options: ParseOptions) {
    for (const [key, value] of Object.entries(options.alias ?? {})) {
      const names = [key, ...[value].flat() as string[]];
      for (const name of names) {
        this.#aliases.set(name, new Set(names.filter((other) => other !== name)));
      }
    }
    const { boolean, string, collect, negatable } = options;
    this.#all_booleans = boolean === true;
    this.#booleans = this.#withAliases(typeof boolean === "boolean" ? [] : boolean);
    this.#strings = this.#withAliases(string);
    this.#collected = this.#withAliases(collect);
    this.#negatable = this.#withAliases(negatable);
  }

  parse(all: readonly string[]): Result {
    const dashes = all.indexOf("--");
    const args = dashes === -1 ? all : all.slice(0, dashes);
    const rest = dashes === -1 ? [] : all.slice(dashes + 1);
    for (let i = 0; i < args.length; i++) {
      const groups = FLAG.exec(args[i])?.groups;
      if (groups?.double) i += this.#long(args[i], groups, args[i + 1]);
      else if (groups) i += this.#short(args[i], args[i + 1]);
      else {
        this.#positional(args[i]);
        if (!this.options.stopEarly) continue;
        this.#result._.push(...args.slice(i + 1));
        break;
      }
    }
    this.#fillDefaults();
    if (this.options["--"]) this.#result["--"] = rest;
    else this.#result._.push(...rest);
    return this.#result;
  }

  /** `--key`, `--key=value`, `--key value`, `--no-key`; returns how many further arguments it took. */
  #long(arg: string, groups: Record<string, string | undefined>, next: string | undefined): number {
    const { negated, value } = groups;
    let key = groups.key!;
    if (value !== undefined) {
      // `--no-key=value` is no negation: the flag is then named "no-key".
      if (negated) key = `no-${key}`;
      this.#set(key, this.#booleans.has(key) ? value !== "false" : value, arg);
      return 0;
    }
    if (negated && this.#negatable.has(key)) {
      this.#set(key, false, arg, false);
      return 0;
    }
    if (negated) key = `no-${key}`;
    const may_take = !this.#all_booleans && next !== undefined && !next.startsWith("-");
    return this.#valueOrSwitch(key, arg, next, may_take);
  }

  /** `-a`, `-abc`, `-n5`, `-a=value`, `-a value`; returns how many further arguments it took. */
  #short(arg: string, next: string | undefined): number {
    const letters = arg.slice(1, -1);
    for (let j = 0; j < letters.length; j++) {
      const [letter, rest] = [letters[j], arg.slice(j + 2)];
      if (rest === "-") {
        this.#set(letter, rest, arg);
        continue;
      }
      const value = LETTER.test(letter)
        ? /=(?<value>.+)/.exec(rest)?.groups?.value ??
          (ENDS_IN_NUMBER.test(rest) ? rest : undefined)
        : undefined;
      if (value !== undefined || (j + 1 < letters.length && /\W/.test(letters[j + 1]))) {
        this.#set(letter, value ?? rest, arg);
        return 0;
      }
      this.#set(letter, this.#strings.has(letter) ? "" : true, arg);
    }
    const key = arg.slice(-1);
    if (key === "-") return 0;
    const may_take = next !== undefined && !LOOKS_LIKE_FLAG.test(next);
    return this.#valueOrSwitch(key, arg, next, may_take);
  }

  #valueOrSwitch(key: string, arg: string, next: string | undefined, may_take: boolean): number {
    if (may_take && !this.#booleans.has(key)) {
      this.#set(key, next!, arg);
      return 1;
    }
    if (next === "true" || next === "false") {
      this.#set(key, next === "true", arg);
      return 1;
    }
    this.#set(key, this.#strings.has(key) ? "" : true, arg);
    return 0;
  }

  #positional(arg: string): void {
    if (this.options.unknown?.(arg) === false) return;
    this.#result._.push(this.#strings.has("_") || !isNumber(arg) ? arg : Number(arg));
  }

  #set(key: string, raw: Value, arg: string, may_collect = true): void {
    const declared = this.#booleans.has(key) || this.#strings.has(key) || this.#aliases.has(key) ||
      (this.#all_booleans && /^--[^=]+$/.test(arg));
    const value = !this.#strings.has(key) && isNumber(raw) ? Number(raw) : raw;
    if (!declared && this.options.unknown?.(arg, key, value) === false) return;
    const collect = may_collect && this.#collected.has(key);
    for (const name of this.#names(key)) setNested(this.#result, name, value, collect);
  }

  #fillDefaults(): void {
    for (const [key, value] of Object.entries(this.options.default ?? {})) {
      if (hasNested(this.#result, key)) continue;
      for (const name of this.#names(key)) setNested(this.#result, name, value);
    }
    for (const key of this.#booleans) {
      if (hasNested(this.#result, key)) continue;
      setNested(this.#result, key, this.#collected.has(key) ? [] : false);
    }
    for (const key of this.#strings) {
      if (hasNested(this.#result, key) || !this.#collected.has(key)) continue;
      setNested(this.#result, key, []);
    }
  }

  #names(key: string): string[] {
    return [key, ...this.#aliases.get(key) ?? []];
  }

  #withAliases(names: Names | undefined): Set<string> {
    const keys = names === undefined ? [] : [names].flat() as string[];
    return new Set(keys.flatMap((key) => this.#names(key)));
  }
}

function isNumber(value: Value): boolean {
  return typeof value === "number" ||
    (typeof value === "string" && /\S/.test(value) && Number.isFinite(Number(value)));
}

/** Sets `a.b.c`; a key is only ever an own property, so "__proto__" reaches nothing. */
function setNested(target: Record<string, unknown>, key: string, value: unknown, collect = false) {
  const parts = key.split(".");
  const last = parts.pop()!;
  let object = target;
  for (const part of parts) {
    if (typeof own(object, part) !== "object") define(object, part, {});
    object = own(object, part) as Record<string, unknown>;
  }
  const before = own(object, last);
  define(object, last, collect ? [...Array.isArray(before) ? before : [], value] : value);
}

function hasNested(target: Record<string, unknown>, key: string): boolean {
  let object: unknown = target;
  for (const part of key.split(".")) {
    if (typeof object !== "object" || object === null || !Object.hasOwn(object, part)) return false;
    object = own(object as Record<string, unknown>, part);
  }
  return true;
}

function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function define(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
