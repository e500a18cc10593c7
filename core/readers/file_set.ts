/**
 * The files that a path, folder or glob stands for.
 *
 * @module
 */
import { join } from "node:path";
import { missingFile } from "./file_bytes.ts";
import { formatOfName, isDatasetFolder, KNOWN_ENDINGS } from "./formats.ts";
import type { RecordFormat } from "./reading.ts";

/**
 * Lists the files of a path or glob, sorted by code unit, so in the same order on every machine.
 *
 * A folder means all readable files in it and below; a folder that Hugging Face `datasets` saved counts as
 * one file. Hidden files are left out, unless named directly. Links are followed, to files and to folders,
 * wherever they lead, but for a link to a folder that it lies in; one that leads nowhere counts as a file, so that
 * reading it names what is missing.
 *
 * @param pattern a path, or a glob: `*` and `?` within a name, `**` across folders, `{a,b}` for a choice.
 * @param format where given, a folder means its files of that format; of format `text`, all its files.
 * @throws {Error} when there is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { listDataFiles } from "./file_set.ts";
 * const here = import.meta.dirname!;
 * assert.deepEqual(listDataFiles(`${here}/file_set.{ts,js}`), [`${here}/file_set.ts`]);
 * ```
 */
export function listDataFiles(pattern: string, format?: RecordFormat): string[] {
  const stat = statOrUndefined(pattern);
  if (stat?.isFile) return [pattern];
  if (stat?.isDirectory) return filesOfFolder(pattern, format);
  const alternatives = expandBraces(pattern);
  if (alternatives.length === 1 && !/[*?]/.test(alternatives[0])) throw missingFile(pattern);
  const found = [...new Set(alternatives.flatMap(matches))].sort();
  if (found.length === 0) {
    throw new Error(`no file matches ${pattern}; check the path in the recipe`);
  }
  return found;
}

function filesOfFolder(folder: string, format: RecordFormat | undefined): string[] {
  if (isDatasetFolder(folder) && (format ?? "hf_dataset") === "hf_dataset") return [folder];
  const wanted = (path: string) => {
    const found = isDatasetFolder(path) ? "hf_dataset" : formatOfName(path);
    if (format === undefined) return found !== undefined;
    return found === format || (format === "text" && found !== "hf_dataset");
  };
  const found = [...walk(folder)].filter(wanted).sort();
  if (found.length === 0) {
    throw new Error(
      `folder ${folder} holds no readable file; expected ${
        format ?? `one of ${KNOWN_ENDINGS.join(" ")}`
      }`,
    );
  }
  return found;
}

/**
 * Files below a folder, and saved datasets as one each.
 *
 * @param above the folders it lies in, without links: a link back to one of them would lead round for ever.
 */
function* walk(folder: string, above: readonly string[] = []): Generator<string> {
  const real = Deno.realPathSync(folder === "" ? "." : folder);
  if (above.includes(real)) return;
  for (const entry of Deno.readDirSync(real)) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    const target = entry.isSymlink ? statOrUndefined(path) : entry;
    if (target === undefined || target.isFile) yield path;
    else if (target.isDirectory) {
      if (isDatasetFolder(path)) yield path;
      else yield* walk(path, [...above, real]);
    }
  }
}

/** True for a folder and for a link to one. */
export function isFolder(path: string): boolean {
  return statOrUndefined(path)?.isDirectory ?? false;
}

/** Files matching a glob without braces. */
function matches(glob: string): string[] {
  if (!/[*?]/.test(glob)) return statOrUndefined(glob)?.isFile ? [glob] : [];
  const parts = glob.split("/");
  const fixed = parts.slice(0, parts.findIndex((part) => /[*?]/.test(part))).join("/");
  const folder = fixed === "" && glob.startsWith("/") ? "/" : fixed;
  if (folder !== "" && !statOrUndefined(folder)?.isDirectory) return [];
  const expression = globExpression(glob);
  return [...walk(folder)].filter((path) => expression.test(path));
}

function globExpression(glob: string): RegExp {
  const normal = join(glob);
  const source = normal.replace(/(?:\*\*\/)+|\*\*|[*?]|[\\^$.|+()[\]{}]/g, (token) => {
    if (token.endsWith("*/")) return "(?:[^/]*/)*";
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    return token === "?" ? "[^/]" : `\\${token}`;
  });
  return new RegExp(`^${source}$`, "u");
}

/** `a{b,c}` → `ab`, `ac`; nested braces from the inside out. */
function expandBraces(pattern: string): string[] {
  const braces = /\{([^{}]*)\}/.exec(pattern);
  if (braces === null) return [pattern];
  const [whole, choices] = braces;
  const before = pattern.slice(0, braces.index);
  const after = pattern.slice(braces.index + whole.length);
  return choices.split(",").flatMap((choice) => expandBraces(before + choice + after));
}

function statOrUndefined(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    const { NotFound, NotADirectory, FilesystemLoop } = Deno.errors;
    if ([NotFound, NotADirectory, FilesystemLoop].some((kind) => error instanceof kind)) {
      return undefined;
    }
    throw error;
  }
}
