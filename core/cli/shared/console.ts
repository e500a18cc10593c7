/**
 * What the commands share: where they write, and how they refuse wrong flags.
 *
 * @module
 */
import process from "node:process";
import type { Terminal } from "../run/progress.ts";

/** Output of a command: results to `out`, everything else to `err`. */
export interface Console {
  out(text: string): void;
  err(text: string): void;
  /** Standard error, for progress. */
  readonly terminal: Terminal;
}

/** The console of this process. On terminals that cannot move the cursor (TERM=dumb) progress comes in lines. */
export function processConsole(): Console {
  const is_terminal = Deno.stderr.isTerminal() && Deno.env.get("TERM") !== "dumb";
  return {
    out: (text) => console.log(text),
    err: (text) => console.error(text),
    terminal: {
      is_terminal,
      color: usesColor(is_terminal, Deno.env.get),
      columns: () => process.stderr.columns ?? 80,
      write: (text) => Deno.stderr.writeSync(new TextEncoder().encode(text)),
    },
  };
}

/**
 * Whether to use colour: on a terminal, or where CLICOLOR_FORCE or FORCE_COLOR asks for it; never with NO_COLOR
 * (no-color.org) or CLICOLOR=0 (bixense.com/clicolors).
 */
export function usesColor(
  is_terminal: boolean,
  env: (name: string) => string | undefined,
): boolean {
  const isSet = (name: string) => (env(name) ?? "") !== "";
  const isOn = (name: string) => isSet(name) && env(name) !== "0";
  if (isSet("NO_COLOR")) return false;
  if (isOn("CLICOLOR_FORCE") || isOn("FORCE_COLOR")) return true;
  return is_terminal && env("CLICOLOR") !== "0";
}

/** The command line is wrong. */
export class UsageError extends Error {
  override name = "UsageError";
}

/**
 * Makes the `unknown` callback of `parseArgs` that refuses what was not declared.
 *
 * @param command how to call it for help.
 */
export function checkFlags(known: readonly string[], command: string) {
  return (arg: string, key?: string): never => {
    const [name, value] = arg.split("=");
    if (value === "" && known.includes(name.slice(2))) {
      throw new UsageError(`${name} needs a value`);
    }
    const flags = known.map((name) => `--${name}`).join(", ");
    const what = key === undefined ? `argument "${arg}"` : `flag ${name}`;
    throw new UsageError(`unknown ${what}; the flags are ${flags} (see ${command} --help)`);
  };
}

/** Reads a port. */
export function parsePort(text: string): number {
  if (text === "") throw new UsageError("--port needs a value");
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new UsageError(
    `--port ${text} is not a port; take a number from 0 (any free one) to 65535`,
  );
}
