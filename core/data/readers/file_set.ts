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
 * one file. Hidden files, linked folders and links out of the folder are left out, unless named directly.
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
      `folder ${folder} holds no readable file (links out of it are not followed); expected ${
        format ?? `one of ${KNOWN_ENDINGS.join(" ")}`
      }`,
    );
  }
  return found;
}

/** Files below a folder, and saved datasets as one each. */
function* walk(folder: string): Generator<string> {
  const root = Deno.realPathSync(folder === "" ? "." : folder);
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    for (const entry of Deno.readDirSync(at === "" ? "." : at)) {
      if (entry.name.startsWith(".")) continue;
      const path = join(at, entry.name);
      if (entry.isFile || (entry.isSymlink && linksToFileWithin(path, root))) yield path;
      else if (entry.isDirectory) isDatasetFolder(path) ? yield path : folders.push(path);
    }
  }
}

function linksToFileWithin(link: string, root: string): boolean {
  if (!statOrUndefined(link)?.isFile) return false;
  const target = Deno.realPathSync(link);
  return target.startsWith(root.endsWith("/") ? root : `${root}/`);
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
  const source = normal.replace(/\*\*\/|\*\*|[*?]|[\\^$.|+()[\]{}]/g, (token) => {
    if (token === "**/") return "(?:[^/]*/)*";
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
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
