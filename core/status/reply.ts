/**
 * How the status API answers: problems, the media type a client wants, ETags.
 *
 * @module
 */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { createHash } from "node:crypto";

const TITLES = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  409: "Conflict",
  413: "Content too large",
  415: "Unsupported media type",
  416: "Range not satisfiable",
  429: "Too many requests",
  500: "Internal error",
  503: "Service unavailable",
} as const;

/** A status that stands for a problem. */
export type ProblemStatus = keyof typeof TITLES;

/**
 * A problem to throw; it becomes an `application/problem+json` answer (RFC 9457).
 *
 * @param detail one sentence that names the cause and the mend.
 * @param headers to send with it, such as `Allow` or `Retry-After`.
 */
export function problem(
  status: ProblemStatus,
  detail: string,
  headers?: Record<string, string>,
): HTTPException {
  return new HTTPException(status, { message: detail, cause: headers });
}

/**
 * The answer to an error: a problem as it was thrown, anything else as an internal error.
 *
 * @param instance path of the request.
 */
export function problemResponse(error: Error, instance: string): Response {
  const known = error instanceof HTTPException && error.status in TITLES;
  const status = known ? error.status as ProblemStatus : 500;
  const headers = known ? error.cause as Record<string, string> | undefined : undefined;
  const body = {
    type: "about:blank",
    title: TITLES[status],
    status,
    detail: error.message,
    instance,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      ...headers,
      "content-type": "application/problem+json",
      "cache-control": "no-store",
    },
  });
}

/**
 * Which of the media types on offer a client wants, by its Accept header; the first where it does not say.
 *
 * @throws {HTTPException} 406 with the list of types where it wants none of them.
 */
export function chooseType<const T extends string>(c: Context, offered: readonly T[]): T {
  c.header("Vary", "Accept", { append: true });
  const header = c.req.header("accept")?.trim();
  if (!header) return offered[0];
  const wanted = header.split(",").map(parseRange);
  let [best, best_quality] = [offered[0], 0];
  for (const type of offered) {
    const quality = qualityOf(type, wanted);
    if (quality > best_quality) [best, best_quality] = [type, quality];
  }
  if (best_quality > 0) return best;
  throw problem(406, `this comes as ${offered.join(", ")}; ask for one of them by Accept`);
}

interface MediaRange {
  readonly type: string;
  readonly quality: number;
}

function parseRange(text: string): MediaRange {
  const [type, ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith("q="));
  const quality = q === undefined ? 1 : Number(q.slice(2));
  return { type, quality: Number.isFinite(quality) ? quality : 0 };
}

/** The most specific range that covers a type decides (RFC 9110, 12.5.1). */
function qualityOf(type: string, wanted: readonly MediaRange[]): number {
  const group = type.slice(0, type.indexOf("/")) + "/*";
  for (const range of [type, group, "*/*"]) {
    const found = wanted.find((one) => one.type === range);
    if (found) return found.quality;
  }
  return 0;
}

/** A weak ETag of a live answer. */
export function weakTag(text: string | Uint8Array): string {
  return `W/"${createHash("sha1").update(text).digest("base64url")}"`;
}

/** Whether a client has this version already (If-None-Match, by weak comparison). */
export function isFresh(c: Context, etag: string): boolean {
  const header = c.req.header("if-none-match");
  if (header === undefined) return false;
  const bare = (tag: string) => tag.trim().replace(/^W\//, "");
  return header.trim() === "*" || header.split(",").some((tag) => bare(tag) === bare(etag));
}

/**
 * Answers with something that may be different the next time: with a weak ETag, or 304.
 *
 * @param body what is sent; JSON that was made already, or text of another type.
 */
export function liveReply(
  c: Context,
  body: string | Uint8Array<ArrayBuffer>,
  type = "application/json",
  etag = weakTag(body),
): Response {
  c.header("ETag", etag);
  c.header("Cache-Control", "no-cache");
  if (isFresh(c, etag)) return c.body(null, 304);
  const text = type.startsWith("text/") ? `${type}; charset=utf-8` : type;
  return c.body(body, 200, { "Content-Type": text });
}
