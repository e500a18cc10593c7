/**
 * `deno task bench:paper`: keeps the tables and figures of a study that has been run, with the digests of all its
 * steps; or compares a run with what was kept.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { readLocks } from "../../core/runs/mod.ts";
import { writeAtomic } from "../../core/store/mod.ts";
import { command, parseFlags, UsageError } from "../shared/command.ts";
import { compareRecords, readRecord, type StudyRecord } from "./results.ts";

const HELP =
  `Keeps the tables and figures of a study that has been run, or compares a run with them.

Usage: deno task bench:paper --out DIR --recipe NAME [--check yes]

  --out DIR      folder that deno task pipeline wrote to
  --recipe NAME  name of the recipe: paper_nano, paper_mini
  --check yes    compare with what is kept under bench/paper/results, and change nothing
  --help         print this`;

const KEPT = /^(summary\.txt|(tables|figures)\/.*\.(csv|svg))$/;

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "paper", { out: "", recipe: "", check: "no" });
  if (flags === undefined) return console.log(HELP), 0;
  const { out, recipe, check } = flags as Record<"out" | "recipe" | "check", string>;
  if (out === "" || recipe === "") {
    throw new UsageError("--out and --recipe are needed; see --help");
  }
  const folder = new URL(`results/${recipe}/`, import.meta.url).pathname;
  const record = await readRecord(out, recipe);
  if (check === "yes") return compare(join(folder, "run.json"), record);
  keep(out, recipe, folder, record);
  return 0;
}

/** Copies what was published, but for the page and the Arrow files, and writes the record beside it. */
function keep(out: string, recipe: string, folder: string, record: StudyRecord): void {
  const prefix = `${recipe}/`;
  const published = readLocks(out)[recipe].published
    .filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const kept = published.filter((path) => KEPT.test(path));
  if (kept.length === 0) throw new Error(`the recipe "${recipe}" has published nothing in ${out}`);
  for (const path of kept) {
    const target = join(folder, path);
    Deno.mkdirSync(dirname(target), { recursive: true });
    writeAtomic(target, Deno.readFileSync(join(out, recipe, path)));
  }
  writeAtomic(join(folder, "run.json"), JSON.stringify(record, null, 1) + "\n");
  console.log(
    `${kept.length} files and the digests of ${record.steps.length} steps are in ${folder}`,
  );
}

function compare(path: string, record: StudyRecord): number {
  const { same, missing, differences } = compareRecords(
    JSON.parse(Deno.readTextFileSync(path)),
    record,
  );
  differences.forEach((line) => console.log(line));
  const not_run = missing > 0 ? `; ${missing} were not run` : "";
  console.log(`${same} steps came out the same to the bit${not_run}.`);
  return differences.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));
