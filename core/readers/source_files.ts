/**
 * Program source inside npm packages.
 *
 * @module
 */
import type { Document } from "./card.ts";
import { textDigest } from "./hash.ts";
import { listFiles, packageFolder, parsePin, readPackageFile } from "./npm_package.ts";

/** Which files of a package are its own, hand-written source. */
export interface SourcePackage {
  /** `name@version`. */
  readonly pin: string;
  readonly language: string;
  readonly spdx: string;
  /** Tested on the path inside the package. */
  readonly accept: RegExp;
  readonly reject?: RegExp;
}

const MAX_FILE_CHARS = 300_000;
const MIN_FILE_CHARS = 200;
/** Hand-written source rarely has lines this long on average; minified and packed code does. */
const MAX_MEAN_LINE_CHARS = 120;
const GENERATED =
  /@generated|\bauto-?generated\b|DO NOT (EDIT|MODIFY)|this file (was|is) (\w+ )?generated/i;

/**
 * Streams the source files of packages, one document a file, without minified, generated, tiny and huge
 * files and exact duplicates.
 */
export async function* readSources(packages: readonly SourcePackage[]): AsyncGenerator<Document> {
  const seen = new Set<string>();
  for (const source of packages) {
    const { name } = parsePin(source.pin);
    let count = 0;
    for (const path of listFiles(packageFolder(source.pin))) {
      if (!source.accept.test(path) || source.reject?.test(path)) continue;
      const text = decode(await readPackageFile(source.pin, path)).replace(/\r\n?/g, "\n");
      const digest = textDigest(text);
      if (!isHandWritten(text) || seen.has(digest)) continue;
      seen.add(digest);
      count++;
      yield { id: `${name}/${path}`, text };
    }
    if (count === 0) {
      throw new Error(`npm package ${source.pin} holds no source file matching ${source.accept}`);
    }
  }
}

/**
 * Tells hand-written source from minified, generated, trivial or outsized files, by length, mean line
 * length and the usual notices in the first lines.
 */
export function isHandWritten(text: string): boolean {
  if (text.length < MIN_FILE_CHARS || text.length > MAX_FILE_CHARS) return false;
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (text.length / lines.length > MAX_MEAN_LINE_CHARS) return false;
  return !GENERATED.test(text.slice(0, 1000));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8").decode(bytes);
}
