/**
 * What a request has to be like before a route sees it.
 *
 * @module
 */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type Access, LOCAL_ACCESS } from "./access.ts";
import { RequestStatistics } from "./request_statistics.ts";
import { problem } from "./reply.ts";
import { serverOf } from "./server_state.ts";
import { isSame, sessionOf, Sessions } from "./session.ts";

const MAX_URL_LENGTH = 4096;
const MAX_BODY_BYTES = 1024;
const MAX_IN_FLIGHT = 64;

/** Routes without secrets: what a browser needs to ask for the token. */
const OPEN = /^\/(healthz|access|session|dashboard\/.*)?$/;

/** Of every answer, where its route sets no others. */
const HEADERS = Object.entries({
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
});

/**
 * Adds the checks to all routes that are added after it, and counts and times requests.
 *
 * A web page may point a name of its own at this machine (DNS rebinding), or send requests here from its own origin;
 * Host and Origin tell. There are no CORS headers: other origins read nothing.
 */
export function addSecurity(
  app: OpenAPIHono,
  access: Access = LOCAL_ACCESS,
  now: () => number = Date.now,
): void {
  const sessions = new Sessions(now);
  const requests = new RequestStatistics();
  let in_flight = 0;
  // Around all others: what they throw is an answer when it comes back here.
  app.use("*", async (c, next) => {
    const begin = performance.now();
    c.set("server", { sessions, requests, authorized: isAuthorized(c, access, sessions) });
    in_flight++;
    await next();
    in_flight--;
    const { headers } = c.res;
    for (const [name, value] of HEADERS) if (!headers.has(name)) headers.set(name, value);
    requests.observe(c, (performance.now() - begin) / 1000);
  });
  const onError = (): never => {
    throw problem(413, `a request may hold no more than ${MAX_BODY_BYTES} bytes`);
  };
  const limitBody = bodyLimit({ maxSize: MAX_BODY_BYTES, onError });
  app.use("*", (c, next) => {
    check(c, access, in_flight);
    return c.req.method === "GET" || c.req.method === "HEAD" ? next() : limitBody(c, next);
  });
}

function check(c: Context, access: Access, in_flight: number): void {
  const { path } = c.req;
  if (in_flight > MAX_IN_FLIGHT) {
    throw problem(503, "too many requests at once; try again", { "Retry-After": "1" });
  }
  const host = c.req.header("host") ?? new URL(c.req.url).host;
  if (!access.hosts.includes(nameOf(host))) {
    throw problem(
      403,
      `this server does not answer to the name ${nameOf(host)}; --allow-host adds a name`,
    );
  }
  if (c.req.url.length > MAX_URL_LENGTH) {
    throw problem(400, `the URL is longer than ${MAX_URL_LENGTH} characters`);
  }
  if (!isOwnOrigin(c.req.header("origin"), host)) {
    throw problem(403, "pages of other origins may not use this server");
  }
  if (!serverOf(c).authorized && !OPEN.test(path)) {
    throw problem(
      401,
      "this needs the server's token: send it as Authorization: Bearer TOKEN, or log in at /",
      { "WWW-Authenticate": 'Bearer realm="causeway"' },
    );
  }
}

/** The host without its port, in lower case. */
function nameOf(host: string): string {
  return host.replace(/:\d*$/, "").toLowerCase();
}

/** Pages of the server itself; behind a proxy that speaks TLS their scheme is https. No page: no header. */
function isOwnOrigin(origin: string | undefined, host: string): boolean {
  if (origin === undefined) return true;
  return ["http", "https"].some((scheme) =>
    origin.toLowerCase() === `${scheme}://${host}`.toLowerCase()
  );
}

function isAuthorized(c: Context, { token }: Access, sessions: Sessions): boolean {
  if (token === undefined) return true;
  const given = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (given !== undefined) return isSame(given, token);
  const id = sessionOf(c);
  return id !== undefined && sessions.has(id);
}
