/**
 * `deno task bench:paper`: keeps the tables and figures of a finished study with the digests of all its steps, or
 * compares a run with them.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { pastSeconds } from "@causeway/core/runner";
import { readLocks } from "@causeway/core/runs";
import { type Manifest, Store, writeAtomic } from "@causeway/core/store";
import { command, parseFlags, UsageError } from "../shared/command.ts";
import { processor } from "../shared/machine.ts";

const HELP = `Keeps the tables and figures of a finished study, or compares a run with them.

Usage: deno task bench:paper --out DIR --recipe NAME [--check yes]

  --out DIR      output folder of deno task pipeline
  --recipe NAME  name of the recipe: paper_nano, paper_mini
  --check yes    only compare with bench/paper/results
  --help         show this help`;

const KEPT = /^(summary\.txt|(tables|figures)\/.*\.(csv|svg))$/;

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "paper", { out: "", recipe: "", check: "no" });
  if (flags === undefined) return console.log(HELP), 0;
  const { out, recipe, check } = flags as Record<"out" | "recipe" | "check", string>;
  if (out === "" || recipe === "") {
    throw new UsageError("--out and --recipe are required; see --help");
  }
  const folder = new URL(`results/${recipe}/`, import.meta.url).pathname;
  const record = await readRecord(out, recipe);
  if (check === "yes") return compare(join(folder, "run.json"), record);
  keep(out, recipe, folder, record);
  return 0;
}

/** Copies the published files, except the page and the Arrow files, and writes the record beside them. */
function keep(out: string, recipe: string, folder: string, record: StudyRecord): void {
  const prefix = `${recipe}/`;
  const published = readLocks(out)[recipe].published
    .filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const kept = published.filter((path) => KEPT.test(path));
  if (kept.length === 0) throw new Error(`recipe "${recipe}" has published nothing in ${out}`);
  for (const path of kept) {
    const target = join(folder, path);
    Deno.mkdirSync(dirname(target), { recursive: true });
    writeAtomic(target, Deno.readFileSync(join(out, recipe, path)));
  }
  writeAtomic(join(folder, "run.json"), JSON.stringify(record, null, 1) + "\n");
  console.log(
    `Wrote ${kept.length} files and the digests of ${record.steps.length} tasks to ${folder}`,
  );
}

function compare(path: string, record: StudyRecord): number {
  const { same, missing, differences } = compareRecords(
    JSON.parse(Deno.readTextFileSync(path)),
    record,
  );
  differences.forEach((line) => console.log(line));
  const not_run = missing > 0 ? `; ${missing} were not run` : "";
  console.log(`${same} tasks have identical results${not_run}.`);
  return differences.length === 0 ? 0 : 1;
}

/** A task and its results. */
export interface StepRecord {
  readonly step: string;
  readonly stage: string;
  readonly seed: number;
  /** Digest of everything that determines the result. */
  readonly key: string;
  /** Digests of the outputs, by name. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Duration; undefined if no log has it. */
  readonly seconds?: number;
}

export interface StudyRecord {
  readonly recipe: string;
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly deno: string;
  /** Sum over tasks; exceeds the elapsed time if several ran at a time. */
  readonly seconds: number;
  readonly steps: readonly StepRecord[];
}

/**
 * Reads the record of a recipe's last run.
 *
 * @throws {Error} if there is none, or one of its results is missing.
 */
export async function readRecord(out: string, recipe: string): Promise<StudyRecord> {
  const lock = readLocks(out)[recipe];
  if (!lock) throw new Error(`${out} has no results of recipe "${recipe}"; run it first`);
  const store = new Store(join(out, "store"));
  const times = await pastSeconds(out, recipe, Object.keys(lock.steps));
  const steps = Object.entries(lock.steps).map(([step, key]): StepRecord => {
    const manifest: Manifest | undefined = store.readManifest(key);
    if (!manifest) throw new Error(`the result of task "${step}" is missing; run the recipe again`);
    const { stage, seed, outputs } = manifest;
    const digests = Object.entries(outputs).map(([name, { digest }]) => [name, digest]);
    const seconds = times.get(step);
    return {
      step,
      stage,
      seed,
      key,
      outputs: Object.fromEntries(digests),
      ...(seconds === undefined ? {} : { seconds: Math.round(seconds * 10) / 10 }),
    };
  });
  return {
    recipe,
    date: new Date().toISOString().slice(0, 10),
    processor: processor(),
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    seconds: Math.round(steps.reduce((sum, { seconds = 0 }) => sum + seconds, 0)),
    steps,
  };
}

export interface Comparison {
  /** Tasks that both runs have, with identical results. */
  readonly same: number;
  /** Tasks that only the first run has. */
  readonly missing: number;
  /** One line per difference. */
  readonly differences: readonly string[];
}

/** Compares two runs of a study by the keys and digests of their tasks. */
export function compareRecords(expected: StudyRecord, actual: StudyRecord): Comparison {
  const others = new Map(actual.steps.map((step) => [step.step, step]));
  const both = expected.steps.filter(({ step }) => others.has(step));
  const differing = both.map(({ step, key, outputs }) => {
    const other = others.get(step)!;
    if (other.key !== key) return [`${step}: different key (config, seed, version or inputs)`];
    return Object.entries(outputs).filter(([name, digest]) => other.outputs[name] !== digest)
      .map(([name]) => `${step}: output "${name}" differs`);
  });
  return {
    same: differing.filter((lines) => lines.length === 0).length,
    missing: expected.steps.length - both.length,
    differences: differing.flat(),
  };
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));
