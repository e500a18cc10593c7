/**
 * `parseArgs` with the signature and behaviour of `@std/cli` 1.0.32, so that `@std/cli/parse-args` in deno.json can
 * point here where JSR cannot be reached, or at the original.
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
  /** Flags without a value; `true` means every `--flag` without "=". */
  boolean?: boolean | Names<B>;
  /** Values of flags that are not given. */
  default?: D;
  /** Stop at the first argument that is not a flag; the rest goes to `_`. */
  stopEarly?: boolean;
  /** Flags whose values never become numbers; "_" keeps the other arguments strings. */
  string?: Names<S>;
  /** Flags that may be repeated and give an array; of others the last value counts. */
  collect?: Names<C>;
  /** Flags that `--no-flag` sets to false. */
  negatable?: Names;
  /** Called for each argument that was not declared, with its value as given; `false` drops the argument. */
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

const LETTER = /[A-Za-z]/;
const ENDS_IN_NUMBER = /-?\d+(\.\d*)?(e-?\d+)?$/;

/**
 * Parses command-line arguments.
 *
 * @param args usually `Deno.args`.
 * @throws {TypeError} when an alias is undefined.
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
  readonly #aliases = new Map<string, string[]>();
  readonly #booleans: Set<string>;
  readonly #strings: Set<string>;
  readonly #collected: Set<string>;
  readonly #negatable: Set<string>;

  constructor(private readonly options: ParseOptions) {
    for (const [key, value] of Object.entries(options.alias ?? {})) {
      if (value === undefined) throw new TypeError(`the alias of "${key}" is undefined`);
      const names = [key, ...[value].flat() as string[]];
      for (const name of names) this.#aliases.set(name, names.filter((other) => other !== name));
    }
    const { boolean, string, collect, negatable } = options;
    this.#booleans = this.#withAliases(typeof boolean === "boolean" ? [] : boolean);
    this.#strings = this.#withAliases(string);
    this.#collected = this.#withAliases(collect);
    this.#negatable = this.#withAliases(negatable);
  }

  parse(all: readonly string[]): Result {
    const end = all.indexOf("--");
    const args = end < 0 ? all : all.slice(0, end), rest = end < 0 ? [] : all.slice(end + 1);
    const result = this.#result;
    for (let i = 0; i < args.length; i++) {
      const arg = args[i];
      if (arg.startsWith("--")) i += this.#long(arg, args[i + 1]);
      else if (arg.startsWith("-") && arg !== "-") i += this.#short(arg, args[i + 1]);
      else {
        if (this.options.unknown?.(arg) !== false) {
          result._.push(this.#strings.has("_") || !isNumber(arg) ? arg : Number(arg));
        }
        if (!this.options.stopEarly) continue;
        result._.push(...args.slice(i + 1));
        break;
      }
    }
    this.#fillDefaults();
    if (this.options["--"]) result["--"] = rest;
    else result._.push(...rest);
    return result;
  }

  /** `--key`, `--key=value`, `--key value`, `--no-key`; returns how many further arguments it took. */
  #long(arg: string, next: string | undefined): number {
    const is_negated = /^--no-[^]/.test(arg);
    const body = arg.slice(is_negated ? "--no-".length : "--".length);
    const at = body.indexOf("=", 1); // a key has at least one character
    if (at > 0) {
      const key = body.slice(0, at), value = body.slice(at + 1);
      this.#set(key, this.#booleans.has(key) ? value !== "false" : value, arg);
      return 0;
    }
    if (is_negated && this.#negatable.has(body)) {
      this.#set(body, false, arg, false);
      return 0;
    }
    const may_take = this.options.boolean !== true && !next?.startsWith("-");
    return this.#setFromNext(is_negated ? `no-${body}` : body, arg, next, may_take);
  }

  /** `-a`, `-abc`, `-n5`, `-a=value`, `-a value`; returns how many further arguments it took. */
  #short(arg: string, next: string | undefined): number {
    for (let j = 1; j < arg.length - 1; j++) {
      const letter = arg[j], rest = arg.slice(j + 1);
      if (rest === "-") {
        this.#set(letter, "-", arg);
        continue;
      }
      const value = valueOfLetter(letter, rest, arg[j + 1]);
      this.#set(letter, value ?? this.#valueless(letter), arg);
      if (value !== undefined) return 0;
    }
    const last = arg.slice(-1);
    if (last === "-") return 0;
    return this.#setFromNext(last, arg, next, !/^--?[^-]/.test(next ?? ""));
  }

  /** Sets a flag to the next argument, where that can be its value; returns how many arguments it took. */
  #setFromNext(key: string, arg: string, next: string | undefined, may_take: boolean): number {
    if (next && may_take && !this.#booleans.has(key)) {
      this.#set(key, next, arg);
      return 1;
    }
    if (next === "true" || next === "false") {
      this.#set(key, next === "true", arg);
      return 1;
    }
    this.#set(key, this.#valueless(key), arg);
    return 0;
  }

  #valueless(key: string): Value {
    return this.#strings.has(key) ? "" : true;
  }

  #set(key: string, raw: Value, arg: string, may_collect = true): void {
    const sets = [this.#booleans, this.#strings, this.#aliases, this.#collected];
    const is_declared = sets.some((names) => names.has(key)) ||
      (this.options.boolean === true && /^--[^=]+$/.test(arg));
    if (!is_declared && this.options.unknown?.(arg, key, raw) === false) return;
    const is_text = typeof raw !== "string" || this.#strings.has(key) || !isNumber(raw);
    const value = is_text ? raw : Number(raw);
    const collect = may_collect && this.#collected.has(key);
    for (const name of this.#names(key)) setNested(this.#result, name, value, collect);
  }

  #fillDefaults(): void {
    for (const [key, value] of Object.entries(this.options.default ?? {})) {
      if (hasNested(this.#result, key)) continue;
      for (const name of this.#names(key)) setNested(this.#result, name, value);
    }
    for (const key of [...this.#booleans, ...this.#strings]) {
      const is_collected = this.#collected.has(key);
      if (hasNested(this.#result, key) || !(is_collected || this.#booleans.has(key))) continue;
      setNested(this.#result, key, is_collected ? [] : false);
    }
  }

  #names(key: string): string[] {
    return [key, ...this.#aliases.get(key) ?? []];
  }

  #withAliases(names: Names = []): Set<string> {
    const keys = ([names].flat() as string[]).filter((key) => key !== "");
    return new Set(keys.flatMap((key) => this.#names(key)));
  }
}

/** The value that is joined to a letter: `-n5`, `-a=b`, `-a=`, `-h/tmp`; undefined where more letters follow. */
function valueOfLetter(letter: string, rest: string, following: string): string | undefined {
  if (rest === "=") return "";
  if (LETTER.test(letter)) {
    const at = rest.indexOf("=");
    if (at >= 0 && at < rest.length - 1) return rest.slice(at + 1);
    if (ENDS_IN_NUMBER.test(rest)) return rest;
  }
  // The last character is a flag of its own.
  return rest.length > 1 && /\W/.test(following) ? rest : undefined;
}

const isNumber = (text: string) => /\S/.test(text) && Number.isFinite(Number(text));

/** Whether a key leads to the prototype. */
function isPrototype(object: Record<string, unknown>, key: string): boolean {
  return key === "__proto__" || (key === "constructor" && typeof object[key] === "function");
}

/** Sets `a.b.c`. A collected value is added to what is there. */
function setNested(target: Record<string, unknown>, path: string, value: unknown, collect = false) {
  const parents = path.split("."), key = parents.pop()!;
  let object = target;
  for (const parent of parents) {
    if (isPrototype(object, parent)) return;
    object = (object[parent] ??= {}) as Record<string, unknown>;
  }
  if (isPrototype(object, key)) return;
  const before = object[key];
  if (!collect) object[key] = value;
  else if (Array.isArray(before)) before.push(value);
  else object[key] = before ? [before, value] : [value];
}

function hasNested(target: Record<string, unknown>, path: string): boolean {
  let object = target;
  for (const key of path.split(".")) {
    if (!Object.hasOwn(object, key)) return false;
    object = object[key] as Record<string, unknown>;
  }
  return true;
}
