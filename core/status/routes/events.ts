/**
 * The route of a run's events: a stream of the log as it grows.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type LoggedLine, LogTail } from "../../runs/mod.ts";
import { readPart } from "../../store/mod.ts";
import { problem } from "../errors.ts";
import { run_params } from "../schemas.ts";
import { answers, chooseType, findRun, type Source, text, wholeQuery } from "./shared.ts";

const EVENT_STREAM = "text/event-stream";
const NDJSON = "application/x-ndjson";

/** Streams at once. A browser opens one per run that it shows. */
const MAX_STREAMS = 32;
const POLL_MS = 200;
const HEARTBEAT_MS = 15_000;

/** Of any shape: some tools check the whole stream against it, others each event. */
const event = z.unknown();

const events = createRoute({
  method: "get",
  path: "/runs/{run}/events",
  summary: "Events of a run, as they are logged",
  description: "Server-sent events: `event` is the type, `data` the line of the log, `id` the " +
    "position in the log after it. A stream continues after Last-Event-ID, without gaps or " +
    "repeats. `event: end` is the last one, when the run is over. As NDJSON: the log so far. " +
    "In the log itself, `step` is the id of a task, and `done` counts optimizer steps.",
  request: {
    params: run_params,
    query: z.object({
      after: wholeQuery(0, Number.MAX_SAFE_INTEGER).optional().openapi({
        description: "same as Last-Event-ID, for clients that cannot send headers",
      }),
    }),
    headers: z.object({ "last-event-id": z.string().optional() }),
  },
  responses: answers("Events", { [EVENT_STREAM]: event, [NDJSON]: text }, [400, 404, 406, 503]),
});

/** Adds /runs/{run}/events. */
export function addEvents(app: OpenAPIHono, source: Source): void {
  let open_streams = 0;
  app.openapi(events, async (c) => {
    const state = await findRun(source, c.req.valid("param").run);
    const type = chooseType(c, [EVENT_STREAM, NDJSON]);
    const path = source.runs.logPath(state.id);
    const after = startOf(c, path, c.req.valid("query").after);
    c.header("Content-Type", type === NDJSON ? NDJSON : `${EVENT_STREAM}; charset=utf-8`);
    c.header("Cache-Control", "no-store");
    // Hono answers HEAD with this route too, and would never read or close the stream.
    if (c.req.method === "HEAD") return c.body(null);
    if (open_streams >= MAX_STREAMS) {
      const detail = `${MAX_STREAMS} streams are open, which is the limit; close one`;
      throw problem(503, detail, { "retry-after": "5" });
    }
    open_streams++;
    const lines = new LogTail(path, after);
    const isOver = async () => (await findRun(source, state.id)).state !== "running";
    const parts = type === NDJSON ? allLines(lines) : follow(lines, isOver);
    return c.body(streamOf(parts, () => open_streams--));
  });
}

/**
 * The position in the log at which a client continues.
 *
 * @throws {HTTPException} 400 if no line begins there.
 */
function startOf(c: Context, path: string, after: number | undefined): number {
  const id = c.req.header("last-event-id") ?? after;
  if (id === undefined || Number(id) === 0) return 0;
  const at = Number(id);
  if (Number.isSafeInteger(at) && at > 0 && readPart(path, at - 1, 1)[0] === 10) return at;
  throw problem(
    400,
    `"${id}" is not an event id of this log; omit it to start with the first event`,
  );
}

async function* allLines(log: LogTail): AsyncGenerator<string> {
  for await (const lines of log.read()) yield lines.map(({ text }) => text + "\n").join("");
}

/** Server-sent events, until the run is over; "" while nothing happens. */
async function* follow(log: LogTail, isOver: () => Promise<boolean>): AsyncGenerator<string> {
  yield "retry: 2000\n\n";
  let beat_at = performance.now();
  for (;;) {
    // Checked before reading, so that everything logged before the end is sent before it.
    const is_over = await isOver();
    for await (const lines of log.read()) yield lines.map(sseOf).join("");
    if (is_over) return yield `event: end\ndata: {}\nid: ${log.offset}\n\n`;
    if (performance.now() - beat_at >= HEARTBEAT_MS) {
      beat_at = performance.now();
      yield ": still here\n\n";
    }
    yield "";
  }
}

function sseOf({ event, text, end }: LoggedLine): string {
  const type = /^\w+$/.test(event.type) ? event.type : "message";
  // A line of JSON has no line break except a stray carriage return, which would end the field.
  return `event: ${type}\ndata: ${text.replaceAll("\r", " ")}\nid: ${end}\n\n`;
}

/**
 * A stream of text that is produced only as the client takes it; an empty piece is a pause.
 *
 * @param onEnd called once when the stream ends, for whatever reason.
 */
function streamOf(
  parts: AsyncGenerator<string>,
  onEnd: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const ended = new AbortController();
  ended.signal.addEventListener("abort", onEnd, { once: true });
  return new ReadableStream({
    async pull(controller) {
      try {
        while (!ended.signal.aborted) {
          const { value, done } = await parts.next();
          if (done) break;
          if (value) return controller.enqueue(encoder.encode(value));
          await pause(POLL_MS, ended.signal);
        }
        ended.abort();
        controller.close();
      } catch (error) {
        ended.abort();
        controller.error(error);
      }
    },
    async cancel() {
      ended.abort();
      await parts.return(undefined);
    },
  });
}

/** Waits; returns early when aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = () => (clearTimeout(timer), resolve());
  signal.addEventListener("abort", stop);
  return promise.finally(() => signal.removeEventListener("abort", stop));
}
