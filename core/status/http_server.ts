/**
 * HTTP/1.1 over the connections: `node:http` parses requests, @hono/node-server turns them into those of the app.
 *
 * @module
 */
import { getRequestListener } from "@hono/node-server";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type Connection, Connections } from "./connections.ts";

/** Bytes of a request's line and headers. */
const MAX_HEAD_BYTES = 1 << 14;

/** A server that listens. */
export interface HttpServer {
  readonly port: number;
  /** Closes connections whose clients keep the server waiting; done by itself every second. */
  sweep(): void;
  /** Accepts no more; resolves when all answers under way have been sent. */
  close(): Promise<void>;
}

/**
 * Answers the connections of a listener.
 *
 * @param now milliseconds of a monotonic clock.
 */
export function serveHttp(
  listener: Deno.TcpListener,
  handler: (request: Request) => Response | Promise<Response>,
  now?: () => number,
): HttpServer {
  // Its Response replaces this thread's, and is sent without a stream: a third of the time of a short answer.
  const answer = getRequestListener(handler, { overrideGlobalObjects: true });
  const { port } = listener.addr;
  const options = {
    maxHeaderSize: MAX_HEAD_BYTES,
    requireHostHeader: false, // checked below, with a message
    // Deadlines, and the number of connections, are up to `Connections`.
    keepAliveTimeout: 0,
    requestTimeout: 0,
    headersTimeout: 0,
  };
  const server = createServer(options, (request, response) => {
    tellTurns(request, response);
    const fault = resolveTarget(request, `127.0.0.1:${port}`);
    if (fault === undefined) return answer(request, response);
    response.writeHead(400, { "content-type": "text/plain", connection: "close" }).end(fault);
  });
  // It does not listen itself, and would close connections after one answer, as while it shuts down.
  Object.defineProperty(server, "listening", { value: true });
  const connections = new Connections(listener, (one) => server.emit("connection", one), now);
  return { port, sweep: () => connections.sweep(), close: () => connections.close() };
}

/** Tells the connection when a request has arrived in full, and when its answer is sent. */
function tellTurns(request: IncomingMessage, response: ServerResponse): void {
  const connection = request.socket as unknown as Connection;
  const { headers } = request;
  let state: "arriving" | "owed" | "over" = "arriving";
  const begin = () => {
    if (state !== "arriving") return;
    state = "owed";
    connection.requestArrived();
  };
  const end = () => {
    begin(); // an answer may come before all of its request
    if (state === "owed") connection.answerSent();
    state = "over";
  };
  if ("transfer-encoding" in headers || Number(headers["content-length"] ?? 0) > 0) {
    request.once("end", begin);
  } else begin();
  response.once("finish", end);
  response.once("close", end);
}

/**
 * Makes the Host header that of the target, which replaces it where the target is a whole URL (RFC 9112, 3.2.2); so
 * whatever reads one of them later reads the same.
 *
 * @param own the host of requests in HTTP/1.0, which need none.
 * @returns what is wrong, if anything.
 */
function resolveTarget(request: IncomingMessage, own: string): string | undefined {
  const { rawHeaders: raw, httpVersion, url = "/" } = request;
  const places = raw.flatMap((name, i) => i % 2 === 0 && name.toLowerCase() === "host" ? [i] : []);
  if (places.length === 0 && httpVersion === "1.0") {
    places.push(raw.push("Host", own) - 2);
    request.headers.host = own;
  }
  if (places.length !== 1) {
    return `a request needs one Host header (RFC 9112, 3.2); this one has ${places.length}\n`;
  }
  if (url.startsWith("/")) return undefined;
  const target = /^https?:\/\/([^/?#]+)([^#]*)/i.exec(url);
  if (!target) return "the target of a request is a path or an http URL\n";
  const [, host, path] = target;
  raw[places[0] + 1] = request.headers.host = host;
  request.url = path.startsWith("/") ? path : `/${path}`;
}
