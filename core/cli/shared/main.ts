/**
 * Runs a command by its table: prints its help or its error, or calls what it does.
 *
 * @module
 */
import { type Console, explain, UsageError } from "./console.ts";
import {
  type Command,
  type Flag,
  flagName,
  type Flags,
  type Input,
  parseCommand,
} from "./flags.ts";

const WIDTH = 100;

/**
 * Runs a command: prints its help, or parses its flags and calls `body`; prints the error if there is one.
 *
 * @returns the exit code: what `body` returns, by default 0; 1 after a failure, 2 for wrong usage.
 */
export async function runMain<F extends Flags>(
  command: Command<F>,
  args: readonly string[],
  io: Console,
  body: (input: Input<F>) => Promise<number | void> | number | void,
): Promise<number> {
  let input: Input<F> | undefined;
  try {
    if (asksForHelp(args)) {
      io.out(helpText(command));
      return 0;
    }
    input = parseCommand(command, args);
    return await body(input) ?? 0;
  } catch (error) {
    io.err(`Error: ${explain(error, input?.doing)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === "--help" || arg === "-h");
}

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
