/**
 * The texts that both sides tokenize: read from files, or from the datasets that come with the project.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import { join } from "node:path";

/** UTF-16 units of the pieces that files of plain text are cut into, at line ends: about a web page each. */
const PIECE = 8000;

/**
 * Reads texts. Of JSON Lines (`.jsonl`, `.jsonl.gz`) every string of a row is a text, whatever its column; other files
 * are cut into pieces; of a folder all files below it that are UTF-8 are read.
 *
 * @param paths files and folders; undefined for the datasets that come with the project.
 * @param max_bytes no more than this is read, in UTF-8.
 */
export async function readTexts(
  paths: readonly string[] | undefined,
  max_bytes: number,
): Promise<string[]> {
  const texts: string[] = [];
  const encoder = new TextEncoder();
  let bytes = 0;
  for await (const text of paths === undefined ? ownTexts() : textsOf(paths)) {
    bytes += encoder.encode(text).length;
    if (bytes > max_bytes) break;
    texts.push(text.toWellFormed());
  }
  if (texts.length === 0) throw new Error("there are no texts in what --text names");
  return texts;
}

async function* ownTexts(): AsyncGenerator<string> {
  const { PACKAGE_CARDS } = await import("../../datasets/mod.ts");
  for (const card of PACKAGE_CARDS) {
    for await (const { text } of card.documents()) yield text;
  }
}

function* textsOf(paths: readonly string[]): Generator<string> {
  for (const path of paths) {
    if (!Deno.statSync(path).isDirectory) yield* textsOfFile(path);
    else {
      const names = Array.from(Deno.readDirSync(path), ({ name }) => join(path, name)).sort();
      yield* textsOf(names);
    }
  }
}

function* textsOfFile(path: string): Generator<string> {
  const content = Deno.readFileSync(path);
  const text = decode(path.endsWith(".gz") ? gunzipSync(content) : content);
  if (text === undefined) return;
  if (/\.jsonl(\.gz)?$/.test(path)) {
    for (const line of text.split("\n")) if (line !== "") yield* strings(JSON.parse(line));
  } else {
    for (let at = 0; at < text.length;) {
      const line_end = text.indexOf("\n", at + PIECE);
      const end = line_end < 0 ? text.length : line_end + 1;
      yield text.slice(at, end);
      at = end;
    }
  }
}

/** Undefined for what is not UTF-8. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function* strings(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) yield* strings(part);
  }
}

/** Writes texts for a process to read: for each its UTF-8 length, uint32, and the UTF-8. */
export function writeTexts(file: string, texts: readonly string[]): void {
  const encoder = new TextEncoder();
  const parts = texts.map((text) => encoder.encode(text));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  Deno.writeFileSync(file, bytes);
}

/** Reads what {@linkcode writeTexts} wrote. */
export function readPackedTexts(file: string): string[] {
  const bytes = Deno.readFileSync(file), view = new DataView(bytes.buffer);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at, true);
    texts.push(decoder.decode(bytes.subarray(at + 4, at += 4 + length)));
  }
  return texts;
}
