/**
 * A command as a table of flags. Parsing, error messages, `--help` and docs/cli.md all follow from it.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { didYouMean } from "../../words/mod.ts";
import { type Console, explain, paintedConsole, processConsole, UsageError } from "./console.ts";

/** One flag. Its name is its key in the table, with "-" for "_". Without `value` it is a switch. */
export interface Flag {
  readonly help: string;
  /** Its letter, such as "h" for `-h`. */
  readonly alias?: string;
  /** What stands for the value in help, such as "FILE". */
  readonly value?: string;
  /** The value when the flag is not given, as one would type it. */
  readonly default?: string;
  readonly required?: true;
  /** May be repeated; the values are a list. */
  readonly many?: true;
  readonly choices?: readonly string[];
  /** What a value must be, for errors: "a number >= 1". */
  readonly expects?: string;
  /** Values to copy, for errors, where `expects` would be long. */
  readonly example?: string;
  /** Reads a value; undefined when it is not valid. */
  readonly parse?: (text: string) => unknown;
}

export type Flags = Readonly<Record<string, Flag>>;

type Single<F> = F extends { parse: (text: string) => infer T } ? Exclude<T, undefined>
  : F extends { choices: readonly (infer C)[] } ? C
  : string;
type ValueOf<F> = F extends { value: string } ? F extends { many: true } ? readonly Single<F>[]
  : F extends { default: string } | { required: true } ? Single<F>
  : Single<F> | undefined
  : boolean;

/** Values by the names of a table. */
export type Values<F> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** An argument that is not a flag. */
export interface Argument {
  readonly name: string;
  readonly help: string;
  readonly optional?: true;
}

export interface Command<F extends Flags = Flags> {
  /** Name of the task: `deno task NAME`. */
  readonly name: string;
  /** One sentence, which is also the task's description in deno.json. */
  readonly summary: string;
  readonly args?: readonly Argument[];
  readonly flags: F;
  /** Command lines to copy, one or two. */
  readonly examples: readonly string[];
  /** What else one needs to know: what is read and written, exit codes. */
  readonly notes?: string;
}

/** Declares a command, with the types of its flags. */
export function defineCommand<const F extends Flags>(command: Command<F>): Command<F> {
  return command;
}

/** What was given on the command line. */
export interface Input<F extends Flags> {
  readonly flags: Values<F>;
  /** Arguments that are not flags; those that may be left out can be undefined. */
  readonly args: readonly string[];
  /** What is being done, said before errors of the operating system. */
  doing?: string;
}

/** The main function of a command: takes its arguments, returns the exit code. */
export type Main = (args: readonly string[], io?: Console) => Promise<number>;

/**
 * Makes the main function of a command. It prints help, or parses the flags and calls `body`; and prints the error if
 * there is one. Everything printed goes through `paint`.
 *
 * @param body returns the exit code if it is not 0. A failure gives 1, wrong usage 2.
 */
export function mainOf<F extends Flags>(
  command: Command<F>,
  body: (input: Input<F>, io: Console) => Promise<number | void> | number | void,
): Main {
  return async (args, raw = processConsole()) => {
    const io = paintedConsole(raw);
    let input: Input<F> | undefined;
    try {
      if (asksForHelp(args)) {
        io.out(helpText(command));
        return 0;
      }
      input = parseCommand(command, args);
      return await body(input, io) ?? 0;
    } catch (error) {
      io.err(`Error: ${explain(error, input?.doing)}`);
      return error instanceof UsageError ? 2 : 1;
    }
  };
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === "--help" || arg === "-h");
}

/** `data_root` -> `data-root`. */
export const flagName = (key: string) => key.replaceAll("_", "-");

/**
 * Parses a command line.
 *
 * @throws {UsageError} naming the flag or argument that is unknown, missing or not valid.
 */
export function parseCommand<F extends Flags>(
  command: Command<F>,
  args: readonly string[],
): Input<F> {
  const { flags, args: expected = [] } = command;
  const table = Object.entries<Flag>(flags).map(([key, flag]) => ({ key, flag }));
  const namesOf = (is: (flag: Flag) => unknown) =>
    table.filter(({ flag }) => is(flag)).map(({ key }) => flagName(key));
  const raw = parseArgs(joinNegative(args, namesOf(({ value }) => value)), {
    string: [...namesOf(({ value }) => value), "_"],
    boolean: namesOf(({ value }) => value === undefined),
    collect: namesOf(({ many }) => many),
    alias: Object.fromEntries(
      table.flatMap(({ key, flag }) => flag.alias ? [[flagName(key), flag.alias]] : []),
    ),
    unknown: (arg, key) => key === undefined || refuseFlag(arg, command),
  });
  const given = raw._.map(String);
  checkArguments(given, expected, command);
  const values = table.map(({ key, flag }) => {
    const name = flagName(key), value = valueOf(name, flag, raw[name]);
    const is_missing = flag.required && [value].flat().filter((v) => v !== undefined).length === 0;
    if (is_missing) throw new UsageError(`--${name} is missing; see ${taskOf(command)} --help`);
    return [key, value];
  });
  return { flags: Object.fromEntries(values), args: given };
}

/**
 * `--seed -1` as `--seed=-1`: otherwise a negative number is taken for a flag, and an empty value for an argument, and the
 * error does not say what the flag needs.
 */
function joinNegative(args: readonly string[], names: readonly string[]): string[] {
  const joined: string[] = [];
  for (const [i, arg] of args.entries()) {
    if (joined.includes("--")) joined.push(arg);
    else if (/^(-\.?\d.*)?$/.test(arg) && names.some((name) => args[i - 1] === `--${name}`)) {
      joined[joined.length - 1] += `=${arg}`;
    } else joined.push(arg);
  }
  return joined;
}

function valueOf(name: string, flag: Flag, given: boolean | string | string[] | undefined) {
  if (flag.value === undefined) return given;
  if (Array.isArray(given)) return given.map((text) => parseValue(name, flag, text));
  const text = given ?? flag.default;
  return text === undefined ? undefined : parseValue(name, flag, String(text));
}

function parseValue(name: string, flag: Flag, text: string): unknown {
  const { choices, example, expects = choices && either(choices), parse = (text) => text } = flag;
  if (text === "") throw new UsageError(`--${name} needs a value`);
  const value = choices && !choices.includes(text) ? undefined : parse(text);
  if (value !== undefined) return value;
  throw new UsageError(
    example === undefined
      ? `--${name} must be ${expects}, got "${text}"`
      : `invalid --${name} "${text}"; use e.g. ${example}`,
  );
}

/** "a, b or c". */
const either = (names: readonly string[]) =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;

const taskOf = ({ name }: Pick<Command, "name">) => `deno task ${name}`;

function checkArguments(
  given: readonly string[],
  expected: readonly Argument[],
  command: Pick<Command, "name">,
): void {
  const help = `see ${taskOf(command)} --help`;
  const missing = expected.find(({ optional }, i) => !optional && given[i] === undefined);
  if (missing) throw new UsageError(`${missing.name} is missing; ${help}`);
  if (given.length <= expected.length) return;
  const hint = expected.length === 0 ? "" : "; put a value with spaces in quotes";
  throw new UsageError(`unexpected argument "${given[expected.length]}"${hint} (${help})`);
}

function refuseFlag(arg: string, command: Command): never {
  const given = arg.split("=")[0];
  const names = [...Object.keys(command.flags), "help"].map((key) => `--${flagName(key)}`);
  throw new UsageError(
    `unknown flag ${given}${didYouMean(given, names)} (see ${taskOf(command)} --help)`,
  );
}

/** A flag for a whole number with a default. */
export function count(otherwise: string, help: string, low = 0, high?: number) {
  return { value: "N", default: otherwise, help, ...whole(low, high) };
}

/** A whole number; "2e8" is one. */
export function whole(low: number, high = Number.MAX_SAFE_INTEGER) {
  return inRange("whole number", low, high, Number.isSafeInteger);
}

/** A number from `low` to `high`. */
export function real(low: number, high = Infinity) {
  return inRange("number", low, high, Number.isFinite);
}

function inRange(what: string, low: number, high: number, isKind: (value: number) => boolean) {
  const range = high >= Number.MAX_SAFE_INTEGER ? `>= ${low}` : `from ${low} to ${high}`;
  return {
    expects: `a ${what} ${range}`,
    parse(text: string): number | undefined {
      const value = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
      return isKind(value) && value >= low && value <= high ? value : undefined;
    },
  };
}

const WIDTH = 100;

/** What `--help` prints. */
export function helpText(command: Command): string {
  const { summary, args = [], examples, notes } = command;
  const rows = flagRows(command).map(([name, help]) => ["  " + name, help] as const);
  const sections = [
    `${summary}.`,
    `Usage: ${usage(command)}`,
    ...(args.length > 0 ? [aligned(args.map(({ name, help }) => [`  ${name}`, help]))] : []),
    `Options:\n${aligned(rows)}`,
    `Example${examples.length > 1 ? "s" : ""}:\n${examples.map((line) => `  ${line}`).join("\n")}`,
    ...(notes === undefined ? [] : notes.split("\n").map((line) => wrap(line, WIDTH).join("\n"))),
  ];
  return sections.join("\n\n");
}

/** "deno task export RUN [options]". */
export function usage({ name, args = [] }: Command): string {
  const named = args.map(({ name, optional }) => optional ? `[${name}]` : name);
  return ["deno task", name, ...named, "[options]"].join(" ");
}

const HELP_FLAG: Flag = { alias: "h", help: "print this help" };

/** Each flag as it is typed, and what it does. */
export function flagRows({ flags }: Command): [name: string, help: string][] {
  return Object.entries<Flag>({ ...flags, help: HELP_FLAG }).map(([key, flag]) => {
    const { alias, value } = flag;
    const name = `--${flagName(key)}${alias === undefined ? "" : `, -${alias}`}`;
    return [value === undefined ? name : `${name} ${value}`, describe(flag)];
  });
}

function describe({ help, many, default: otherwise }: Flag): string {
  const more = many ? "; may be repeated" : "";
  return help + more + (otherwise === undefined ? "" : ` (default: ${otherwise})`);
}

/** Two columns, the second wrapped. */
function aligned(rows: readonly (readonly [string, string])[]): string {
  const indent = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.flatMap(([name, help]) =>
    wrap(help, WIDTH - indent).map((line, i) => (i === 0 ? name : "").padEnd(indent) + line)
  ).join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
