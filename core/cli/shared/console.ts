/**
 * What commands print: where it goes, numbers and tables as text, errors as one sentence.
 *
 * @module
 */
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { RecipeError } from "../../recipe/mod.ts";
import { visible, visibleLine } from "../../stage/mod.ts";
import { causeOf, fileErrorOf } from "../../words/mod.ts";

/** Where progress is written. */
export interface Terminal {
  readonly is_terminal: boolean;
  readonly color: boolean;
  /** Columns; read on each redraw, since windows change. */
  columns(): number;
  write(text: string): void;
}

/** Output of a command: results to `out`, everything else to `err`. */
export interface Console {
  out(text: string): void;
  err(text: string): void;
  /** Standard error, for progress. */
  readonly terminal: Terminal;
}

/** The console of this process. On terminals that cannot move the cursor (TERM=dumb) progress is plain lines. */
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

/** Whether results on standard output may be coloured. */
export const stdoutColor = () => Deno.stdout.isTerminal() && !Deno.noColor;

/**
 * Stands for the escape character in our own codes until `paint`. No other text can contain it, since every process draws
 * another one.
 */
export const ESC = `esc:${crypto.randomUUID()}:`;

/** Text for a terminal: our own codes work, everything else that a terminal would obey is shown. */
export function paint(text: string): string {
  return visible(text).replaceAll(ESC, "\x1b");
}

/** A console that paints what is written. */
export function paintedConsole({ terminal, ...io }: Console): Console {
  return { out: (text) => io.out(paint(text)), err: (text) => io.err(paint(text)), terminal };
}

const CODES = { green: 32, red: 31, dim: 2, bold: 1 } as const;

/** Colours text when `enabled`, for `paint`. */
export function style(text: string, name: keyof typeof CODES, enabled: boolean): string {
  return enabled ? `${ESC}[${CODES[name]}m${text}${ESC}[0m` : text;
}

/** A path that terminals open with a click (OSC 8), for `paint`. */
export function pathLink(path: string, enabled: boolean): string {
  if (!enabled) return path;
  const url = pathToFileURL(resolve(path)).href;
  return `${ESC}]8;;${url}${ESC}\\${path}${ESC}]8;;${ESC}\\`;
}

/** 42 s: "0:42"; 1 h 2 min 3 s: "1:02:03"; below ten seconds with tenths: "3.2 s". */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 9950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Seconds as `formatDuration` shows them; from two days on as days, from two years on as years. */
export function formatSpan(seconds: number): string {
  const days = seconds / 86_400;
  if (days < 2) return formatDuration(1000 * seconds);
  return days < 730 ? `${days.toFixed(1)} days` : `${(days / 365.25).toFixed(1)} years`;
}

/** Rows under headings, each on one line, columns as wide as their longest cell. Columns named in `right` align right. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const lines = [headings, ...rows].map((line) => line.map(visibleLine));
  const widths = headings.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines.map((line) =>
    line.map((cell, i) =>
      right.includes(headings[i]) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])
    ).join("  ").trimEnd()
  ).join("\n");
}

/** The command line is wrong. */
export class UsageError extends Error {
  override name = "UsageError";
}

/**
 * One sentence for an error; a line for each problem of a recipe that has several, and for each thing that is missing.
 *
 * @param doing what was being done, put before errors of the operating system.
 */
export function explain(error: unknown, doing?: string): string {
  const { message = String(error), cause } = error as Error;
  if (error instanceof RecipeError && error.problems.length > 1) return message;
  // By its name: few commands load the runner.
  if (error instanceof Error && error.name === "RequirementsError") return message;
  const step = /^step "[^"]*" \(stage \w+\)/.exec(message)?.[0];
  const found = fileErrorOf(error) ?? fileErrorOf(cause);
  const code = codeOf(error) ?? codeOf(cause);
  // A disk that is full is told from the message alone, which may come from a library without a path.
  const why = found?.why ??
    (code === undefined || PATHS_ONLY.has(code) ? undefined : causeOf(code));
  if (why === undefined) return message.replace(/\s*\n\s*/g, " ").trim();
  // What was being done says that results cannot be written; an input that cannot be read is named itself.
  const subject = step ?? (found?.is_reading && !doing?.endsWith("read") ? undefined : doing);
  if (subject === undefined) return found === undefined ? why : `${found.what}: ${why}`;
  if (found === undefined || subject.includes(found.path)) return `${subject}: ${why}`;
  return step === undefined && !found.is_reading
    ? `${subject}: ${found.path}: ${why}`
    : `${subject}: ${found.what}: ${why}`;
}

/** Errors that say nothing without a path, such as that of a program that is not installed. */
const PATHS_ONLY = new Set(["ENOENT", "EISDIR", "ENAMETOOLONG", "ENOTEMPTY", "EBUSY", "ELOOP"]);

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, message = "" } = error as { code?: unknown; message?: string };
  if (typeof code === "string") return code;
  return /os error 28\b/.test(message) ? "ENOSPC" : undefined;
}
