/**
 * Stored files as answers: whole or in part.
 *
 * @module
 */
import type { Context } from "hono";
import type { FileRange } from "../../arrow/mod.ts";
import { readPart } from "../../store/mod.ts";
import { problem } from "../errors.ts";

/** Bytes per read. */
const PIECE_BYTES = 1 << 18;

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes and ranges of files, one after the other, each read when the client takes it. */
export function readRanges(parts: readonly (Bytes | FileRange)[]): ReadableStream<Bytes> {
  return ReadableStream.from(pieces(parts));
}

async function* pieces(parts: readonly (Bytes | FileRange)[]): AsyncGenerator<Bytes> {
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      yield part;
      continue;
    }
    const { path, from, to } = part;
    for (let at = from; at < to;) {
      // A client that takes no more leaves the stream as it is: no file may be open meanwhile.
      const piece = readPart(path, at, Math.min(PIECE_BYTES, to - at));
      if (piece.length === 0) throw new Error(`${path} ends ${to - at} bytes too early`);
      at += piece.length;
      yield piece;
    }
  }
}

/**
 * Sets ETag and Cache-Control. What a digest names never changes; what a URL without it names may.
 *
 * @param form tells representations of the same data apart, such as "-csv".
 */
export function setCacheHeaders(c: Context, digest: string, form = ""): string {
  const tag = `"${digest}${form}"`;
  const is_named = c.req.query("digest") === digest;
  c.header("ETag", tag);
  c.header(
    "Cache-Control",
    is_named ? "private, max-age=31536000, immutable" : "private, no-cache",
  );
  return tag;
}

/**
 * Answers with a file: 200, or 206 for the range that the client asks for.
 *
 * @throws {HTTPException} 416 if the range is outside the file.
 */
export function fileReply(c: Context, path: string, digest: string, type: string): Response {
  const tag = setCacheHeaders(c, digest);
  c.header("Accept-Ranges", "bytes");
  const { size } = Deno.statSync(path);
  const range = askedRange(c, size, tag);
  const { from, to } = range ?? { from: 0, to: size };
  c.header("Content-Type", type.startsWith("text/") ? `${type}; charset=utf-8` : type);
  c.header("Content-Length", String(to - from));
  if (range) c.header("Content-Range", `bytes ${from}-${to - 1}/${size}`);
  const status = range ? 206 : 200;
  if (c.req.method === "HEAD") return c.body(null, status);
  return c.body(readRanges([{ path, from, to }]), status);
}

/** One range in bytes. Several ranges, or other units, get the whole file, as RFC 9110 (14.2) allows. */
function askedRange(c: Context, size: number, tag: string) {
  const header = c.req.header("range")?.trim();
  const condition = c.req.header("if-range")?.trim();
  if (header === undefined || (condition !== undefined && condition !== tag)) return undefined;
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  if (!match || header === "bytes=-") return undefined;
  const [first, last] = [match[1], match[2]];
  if (first !== "" && last !== "" && Number(first) > Number(last)) return undefined;
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (from < to) return { from, to };
  throw problem(416, `the file has ${size} bytes; ask for a range within it`, {
    "content-range": `bytes */${size}`,
  });
}
