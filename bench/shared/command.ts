/**
 * The command line of a benchmark: flags, errors, progress, and where the results go.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { dirname } from "node:path";
import { writeAtomic } from "@causeway/core/store";

/** An invalid command line. */
export class UsageError extends Error {
  override name = "UsageError";
}

/**
 * Parses flags, each of which needs a value.
 *
 * @param task name of the benchmark, for messages
 * @param defaults all flags; undefined for those without a default
 * @returns undefined for `--help`.
 */
export function parseFlags<Name extends string>(
  args: readonly string[],
  task: string,
  defaults: Readonly<Record<Name, string | undefined>>,
): Record<Name, string | undefined> | undefined {
  const names = Object.keys(defaults) as Name[];
  const flags: Record<string, unknown> = parseArgs(args, {
    string: names as string[],
    boolean: ["help"],
    alias: { help: "h" },
    unknown: (arg) => {
      const known = names.map((name) => `--${name}`).join(", ");
      throw new UsageError(
        `unknown argument ${arg}; the flags are ${known} (see deno task bench:${task} --help)`,
      );
    },
  });
  if (flags.help) return undefined;
  for (const name of names) {
    if (flags[name] === "") throw new UsageError(`--${name} needs a value`);
    flags[name] ??= defaults[name];
  }
  return flags as Record<Name, string | undefined>;
}

/** Parses a list of names, and sorts it in the order of `known`. */
export function choices<T extends string>(flag: string, text: string, known: readonly T[]): T[] {
  const given = text.split(",");
  const wrong = given.find((name) => !known.includes(name as T));
  if (wrong !== undefined) {
    throw new UsageError(`--${flag} must be some of ${known.join(", ")}, got "${wrong}"`);
  }
  return known.filter((name) => given.includes(name));
}

/** Parses a whole number >= 1. */
export function count(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new UsageError(`--${flag} must be a whole number >= 1, got "${text}"`);
}

/** Runs a benchmark. An error is printed as one line, with exit code 1, or 2 for an invalid command line. */
export async function command(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    console.error(`Error: ${(error as Error).message}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** Writes results and report, `x.json` and `x.md`, and prints where they are. */
export function saveResults(out: string, results: unknown, report: string): void {
  const markdown = writeResults(out, results, report);
  console.error(`Written to ${out} and ${markdown}`);
}

/**
 * Writes results and report, each atomically.
 *
 * @returns the path of the report.
 */
export function writeResults(out: string, results: unknown, report: string): string {
  const markdown = out.replace(/\.json$/, "") + ".md";
  Deno.mkdirSync(dirname(out), { recursive: true });
  writeAtomic(out, JSON.stringify(results, null, 2) + "\n");
  writeAtomic(markdown, report);
  return markdown;
}

/** Progress on standard error: each line has the time passed, and the time left at the speed so far. */
export class Progress {
  readonly #start = performance.now();
  #done = 0;

  /** @param total amount of work, in any unit */
  constructor(readonly total: number) {}

  /** Prints what happens next. */
  say(text: string): void {
    const elapsed = performance.now() - this.#start;
    const left = this.#done === 0
      ? ""
      : `, ${minutes(elapsed / this.#done * (this.total - this.#done))} left`;
    console.error(`[${minutes(elapsed)}${left}] ${text}`);
  }

  get done(): number {
    return this.#done;
  }

  /** Adds finished work. */
  add(work: number): void {
    this.reach(this.#done + work);
  }

  /** Sets the finished work, for when it was more or less than planned. */
  reach(done: number): void {
    this.#done = Math.min(this.total, done);
  }
}

/** 65 s: "1:05". */
export function minutes(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
