/**
 * The route of a run's events, as they come.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type LoggedLine, LogTail } from "../../runs/mod.ts";
import { chooseType, problem } from "../reply.ts";
import { runParam } from "../schemas.ts";
import { responses, text, wholeQuery } from "./route_parts.ts";
import { findRun, type Source } from "./source.ts";

const EVENT_STREAM = "text/event-stream";
const NDJSON = "application/x-ndjson";

/** Streams at once. A browser opens one for each run it shows. */
const MAX_STREAMS = 32;
const POLL_MS = 200;
const HEARTBEAT_MS = 15_000;

const events = createRoute({
  method: "get",
  path: "/runs/{run}/events",
  summary: "Events of a run, as they are logged",
  description: "Server-sent events: `event` is the type, `data` the line of the log, `id` the " +
    "place in the log behind it. A stream goes on behind the Last-Event-ID, without gap or " +
    "repeat. `event: end` is the last one, when the run is over. As NDJSON: the log so far.",
  request: {
    params: runParam,
    query: z.object({
      after: wholeQuery(0, Number.MAX_SAFE_INTEGER).optional().openapi({
        description: "as Last-Event-ID, for clients that cannot send it",
      }),
    }),
    headers: z.object({ "last-event-id": z.string().optional() }),
  },
  responses: responses("Events", { [EVENT_STREAM]: text, [NDJSON]: text }, [400, 404, 406, 503]),
});

/** Adds /runs/{run}/events. */
export function addEvents(app: OpenAPIHono, source: Source): void {
  let open_streams = 0;
  app.openapi(events, async (c) => {
    const state = await findRun(source, c.req.valid("param").run);
    const type = chooseType(c, [EVENT_STREAM, NDJSON]);
    const path = source.runs.logPath(state.id);
    const after = await startOf(c, path, c.req.valid("query").after);
    c.header("Content-Type", type === NDJSON ? NDJSON : `${EVENT_STREAM}; charset=utf-8`);
    c.header("Cache-Control", "no-store");
    // Hono answers HEAD by this route too; nobody would read, or end, its stream.
    if (c.req.method === "HEAD") return c.body(null);
    if (open_streams >= MAX_STREAMS) {
      const detail = `${MAX_STREAMS} streams are open, which is all there may be; close one`;
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
 * The place in the log at which a client goes on.
 *
 * @throws {HTTPException} 400 where no line begins there.
 */
async function startOf(c: Context, path: string, after: number | undefined): Promise<number> {
  const id = c.req.header("last-event-id") ?? after;
  if (id === undefined || Number(id) === 0) return 0;
  const at = Number(id);
  const byte = new Uint8Array(1);
  if (Number.isSafeInteger(at) && at > 0) {
    using file = await Deno.open(path);
    await file.seek(at - 1, Deno.SeekMode.Start);
    if (await file.read(byte) === 1 && byte[0] === 10) return at;
  }
  throw problem(400, `"${id}" is no event of this log; leave it out to begin with the first`);
}

async function* allLines(log: LogTail): AsyncGenerator<string> {
  for await (const lines of log.read()) yield lines.map(({ text }) => text + "\n").join("");
}

/** Server-sent events, until the run is over; "" while nothing happens. */
async function* follow(log: LogTail, isOver: () => Promise<boolean>): AsyncGenerator<string> {
  yield "retry: 2000\n\n";
  let beat_at = performance.now();
  for (;;) {
    // Asked before reading: what was logged before the end is then sent before it.
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
  // A line of JSON has no break but for a stray carriage return, which would end the field.
  return `event: ${type}\ndata: ${text.replaceAll("\r", " ")}\nid: ${end}\n\n`;
}

/**
 * Text as it comes, made only when the client takes it; an empty piece is a pause.
 *
 * @param onEnd called once, however the stream ends.
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
    cancel: () => ended.abort(),
  });
}

/** Waits, or returns at once when aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = () => (clearTimeout(timer), resolve());
  signal.addEventListener("abort", stop);
  return promise.finally(() => signal.removeEventListener("abort", stop));
}
