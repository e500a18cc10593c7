/**
 * Runs the tests in one process per core. `deno task test` leaves out `*_long_test.ts`, which start clusters, kill runs or
 * open a browser; `--all` runs them too, and the examples in the docs.
 *
 * Processes and not `deno test --parallel`: tests set environment variables and the current folder.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** Parts for each process: a process that is done takes the next one. */
const PARTS_PER_PROCESS = 5;
const LONG = /_long_test\.ts$/;
/** Folders that are not the project's own, or projects of their own. */
const OTHERS = /^(\..*|node_modules|out|coverage|testdata|fixtures|extra|transformers_js)$/;

interface Result {
  readonly success: boolean;
  readonly output: string;
  readonly seconds: number;
}

/** Paths below a folder of the project whose names match, sorted. */
function findFiles(pattern: RegExp, folder = "."): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = folder === "." ? name : `${folder}/${name}`;
    if (isDirectory) return OTHERS.test(name) ? [] : findFiles(pattern, path);
    return pattern.test(name) ? [path] : [];
  }).sort();
}

async function deno(args: readonly string[]): Promise<Result> {
  const began = performance.now();
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await command.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const seconds = (performance.now() - began) / 1000;
  return { success, output: decode(stdout) + decode(stderr), seconds };
}

/** Long files first, each a part of its own, so that none is left for the end; the others dealt out. */
function partsOf(files: readonly string[], processes: number): string[][] {
  const long = files.filter((path) => LONG.test(path)).map((path) => [path]);
  const short = files.filter((path) => !LONG.test(path));
  const count = Math.min(short.length, processes * PARTS_PER_PROCESS);
  const dealt = Array.from({ length: count }, (_, i) => short.filter((_, j) => j % count === i));
  return [...long, ...dealt];
}

/** Sums of "ok | 12 passed (3 steps) | 1 failed | 2 ignored (10s)". */
function counts(output: string) {
  const summary = output.match(/^(ok|FAILED) \| .*$/gm)?.join() ?? "";
  const sum = (word: string) =>
    [...summary.matchAll(new RegExp(`(\\d+) ${word}`, "g"))].reduce((n, [, x]) => n + Number(x), 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("ignored") };
}

async function main(): Promise<number> {
  const { values: { all } } = parseArgs({ options: { all: { type: "boolean" } } });
  const began = performance.now();
  const files = findFiles(/_test\.tsx?$/).filter((path) => all || !LONG.test(path));
  const processes = navigator.hardwareConcurrency;
  const parts = partsOf(files, processes);
  const runs = parts.map((part) => ["test", "-P", "--no-check", ...part]);
  if (all) runs.push(["test", "-P", "--doc", "--ignore=**/*_test.ts"]);
  const results: Result[] = [], skipped: string[] = [];
  console.log(`${files.length} files of tests in ${processes} processes`);
  const work = async () => {
    for (let run; (run = runs.shift());) {
      const result = await deno(run);
      results.push(result);
      const { passed, failed } = counts(result.output);
      skipped.push(...result.output.matchAll(/^(.*) \.\.\. ignored/gm).map(([, name]) => name));
      console.log(`${passed} passed, ${failed} failed in ${result.seconds.toFixed(0)} s`);
      if (!result.success) console.log(result.output);
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  if (skipped.length > 0) console.log(`Skipped:\n${skipped.map((name) => `  ${name}`).join("\n")}`);
  const total = counts(results.map(({ output }) => output).join("\n"));
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const is_ok = results.every(({ success }) => success);
  console.log(
    `${is_ok ? "ok" : "FAILED"} | ${total.passed} passed | ${total.failed} failed | ` +
      `${skipped.length} skipped (${seconds} s)`,
  );
  return is_ok ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
