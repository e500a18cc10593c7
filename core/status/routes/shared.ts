/**
 * What all routes share: finding runs and tasks, query parameters, formats, and declarations of answers.
 *
 * @module
 */
import { errorText } from "../../words/mod.ts";
import { z } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { accepts } from "hono/accepts";
import { etag, RETAINED_304_HEADERS } from "hono/etag";
import type { RunIndex, RunSource, RunState } from "../../runs/mod.ts";
import { notFound, problem, problemAnswer } from "../errors.ts";

/** Where routes get their data. */
export interface Source {
  readonly runs: RunSource;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Output folder; artifacts are served from its store. */
  readonly out?: string;
}

/**
 * The state of a run.
 *
 * @param name its id, or `latest`.
 * @throws {HTTPException} 404 if there is no such run.
 */
export async function findRun({ runs }: Source, name: string): Promise<RunState> {
  const id = name === "latest" ? runs.ids()[0] : name;
  if (id === undefined) throw notFound("there are no runs yet");
  const state = await readLog(id, () => runs.get(id));
  if (!state) throw notFound(`there is no run "${name}"; GET /runs lists them`);
  return state;
}

/** Series, lines and samples of an existing run. */
export async function findIndex({ runs }: Source, id: string): Promise<RunIndex> {
  const index = await readLog(id, () => runs.index(id));
  if (!index) throw notFound(`run "${id}" no longer exists; GET /runs lists those that do`);
  return index;
}

async function readLog<T>(id: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw problem(500, `the event log of run "${id}" cannot be read: ${errorText(error)}`);
  }
}

/** @throws {HTTPException} 404 with the ids of the run's tasks if it has no task of that name. */
export function assertTask(state: RunState, task: string): void {
  if (state.steps.some(({ id }) => id === task)) return;
  const known = state.steps.map(({ id }) => id).join(", ");
  throw notFound(`run ${state.id} has no task "${task}"; its tasks: ${known}`);
}

/** ISO 8601; null if unknown. */
export function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

/** A query parameter that is any number. */
export const number_query_schema = z.string()
  .refine((text) => text.trim() !== "" && Number.isFinite(Number(text)), "is not a number")
  .transform(Number)
  .openapi({ type: "number" });

/** A query parameter that is a whole number in a range. */
export function wholeQuery(minimum: number, maximum: number) {
  return z.string()
    .refine((text) => {
      return /^\d{1,16}$/.test(text) && Number(text) >= minimum && Number(text) <= maximum;
    }, `is not a whole number from ${minimum} to ${maximum}`)
    .transform(Number)
    .openapi({ type: "integer", minimum, maximum });
}

/** A query parameter that may be given several times. */
export const list_query_schema = z.union([z.string(), z.array(z.string())])
  .transform((value) => [value].flat())
  .openapi({ type: "array", items: { type: "string" } });

/** @throws {HTTPException} 400 naming the new parameter, if a request uses the old one. */
export function refuseOldQuery(c: Context, old_name: string, new_name: string): void {
  if (c.req.query(old_name) === undefined) return;
  throw problem(400, `query parameter ${old_name} is now called ${new_name}`);
}

export const JSON_TYPE = "application/json";
export const CSV = "text/csv";
export const ARROW_FILE = "application/vnd.apache.arrow.file";
export const ARROW_STREAM = "application/vnd.apache.arrow.stream";

/**
 * The media type that a client prefers among those offered, by its Accept header; the first if it does not say.
 *
 * @throws {HTTPException} 406 with the list of types if it accepts none of them.
 */
export function chooseType<const T extends string>(c: Context, offered: readonly T[]): T {
  c.header("Vary", "Accept", { append: true });
  const chosen = accepts(c, {
    header: "Accept",
    supports: [...offered],
    default: offered[0],
    match: (ranges) => bestType(offered, ranges),
  });
  if (chosen !== "") return chosen as T;
  throw problem(406, `this is available as ${offered.join(", ")}; name one of them in Accept`);
}

interface MediaRange {
  readonly type: string;
  readonly q: number;
}

/** The most specific range that covers a type gives its quality (RFC 9110, 12.5.1). */
function bestType(offered: readonly string[], ranges: readonly MediaRange[]): string {
  let [best, best_quality] = ["", 0];
  for (const type of offered) {
    const covering = [type, type.replace(/\/.*/, "/*"), "*/*"];
    const found = covering.map((one) => ranges.find(({ type }) => type.toLowerCase() === one));
    const quality = found.find((range) => range !== undefined)?.q ?? 0;
    if (quality > best_quality) [best, best_quality] = [type, quality];
  }
  return best;
}

/**
 * Answers 304 if the client has the answer already, by its ETag: the one that the route sets, or a weak one of the body.
 * The policy stays, because browsers replace the headers of what they have with those of a 304.
 */
export const byETag = etag({
  weak: true,
  retainedHeaders: [...RETAINED_304_HEADERS, "Content-Security-Policy"],
});

/** For answers that change: clients have to ask again each time. */
export const live: [MiddlewareHandler, MiddlewareHandler] = [
  (c, next) => {
    c.header("Cache-Control", "no-cache");
    return next();
  },
  byETag,
];

const ANSWERS = {
  304: "Not modified",
  400: "A query parameter is invalid",
  404: "Not found",
  406: "None of the media types in Accept is available",
  416: "The range is outside the file",
  500: "Stored data cannot be read",
  503: "Too many requests at once",
} as const;

type Content = Record<string, { schema: z.ZodType }>;

/** Declares the 200 answer in its media types, and the other answers of a route. */
export function answers(
  description: string,
  content: Record<string, z.ZodType>,
  others: readonly (keyof typeof ANSWERS)[] = [304, 404],
): Record<string, { description: string; content?: Content }> {
  const types = Object.entries(content).map(([type, schema]) => [type, { schema }]);
  const declared = others.map((status) => {
    const description = ANSWERS[status];
    return [status, status === 304 ? { description } : problemAnswer(description)];
  });
  return {
    200: { description, content: Object.fromEntries(types) },
    ...Object.fromEntries(declared),
  };
}

/** The body of an answer that is text, and of one that is bytes. */
export const text = z.string();
export const binary = z.string().openapi({ format: "binary" });
