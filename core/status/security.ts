/**
 * What every request must satisfy before a route sees it: Host, Origin, size, and the token or a session.
 *
 * @module
 */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import { secureHeaders } from "hono/secure-headers";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Access } from "./access.ts";
import { problem, unauthorized } from "./errors.ts";
import type { RequestStatistics } from "./requests.ts";

const MAX_URL_LENGTH = 4096;
const MAX_BODY_BYTES = 1024;
const MAX_IN_FLIGHT = 64;

/** The methods of routes that read a body. */
const CHANGING = ["POST", "DELETE"];

/** Routes without secrets: what a browser needs in order to ask for the token. */
const OPEN = /^\/(healthz|access|session|dashboard\/.*)?$/;

declare module "hono" {
  interface ContextVariableMap {
    /** Whether the request came with the token or a session, or none is needed. */
    authorized: boolean;
  }
}

/** Headers of all answers; a route may set a policy of its own. */
const defaultHeaders = secureHeaders({
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  strictTransportSecurity: false, // the server speaks plain HTTP; TLS is up to a proxy
  xFrameOptions: false, // frame-ancestors replaces it
  overwrite: false,
});

interface SecurityOptions {
  readonly access: Access;
  readonly sessions: Sessions;
  readonly requests: RequestStatistics;
}

/**
 * Adds the checks to all routes that are added after it, and counts and times requests.
 *
 * A web page may point a name of its own at this machine (DNS rebinding), or send requests here from its own origin;
 * Host and Origin show it. There are no CORS headers: pages of other origins cannot read anything.
 */
export function addSecurity(app: OpenAPIHono, options: SecurityOptions): void {
  const { access, sessions, requests } = options;
  let in_flight = 0;
  // Outermost: errors of the others are answers by the time they come back here.
  app.use("*", async (c, next) => {
    const begin = performance.now();
    c.set("authorized", isAuthorized(c, access, sessions));
    await next();
    const { headers } = c.res;
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    requests.observe(c, (performance.now() - begin) / 1000);
  });
  app.use("*", defaultHeaders);
  app.use("*", async (c, next) => {
    check(c, access);
    // Only now, so that nobody without the token is listened to; and before the count, so that slow bodies take no place.
    if (CHANGING.includes(c.req.method)) await readBody(c);
    if (in_flight >= MAX_IN_FLIGHT) {
      throw problem(503, "too many requests at once; try again", { "Retry-After": "1" });
    }
    in_flight++;
    try {
      await next();
    } finally {
      in_flight--;
    }
  });
}

/** Replaces the body by its bytes. How long they may take is up to the connection. */
async function readBody(c: Context): Promise<void> {
  const { url, method, headers, body } = c.req.raw;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) {
      throw problem(413, `the body of a request must not exceed ${MAX_BODY_BYTES} bytes`);
    }
    parts.push(part);
  }
  c.req.raw = new Request(url, { method, headers, body: bytes > 0 ? new Blob(parts) : null });
}

/** What the headers show, before anything else is read. */
function check(c: Context, access: Access): void {
  const { path } = c.req;
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
  if (!c.get("authorized") && !OPEN.test(path)) {
    throw unauthorized(
      "this needs the server's token: send it as Authorization: Bearer TOKEN, or log in at /",
      c.req.header("authorization") !== undefined,
    );
  }
}

/** The host without its port, in lower case. */
function nameOf(host: string): string {
  return host.replace(/:\d*$/, "").toLowerCase();
}

/** True for pages of the server itself (https behind a TLS proxy), and for requests that no page sends. */
function isOwnOrigin(origin: string | undefined, host: string): boolean {
  if (origin === undefined) return true;
  return ["http", "https"].some((scheme) =>
    origin.toLowerCase() === `${scheme}://${host}`.toLowerCase()
  );
}

/** Hono's bearerAuth refuses a request at once; here `/access` also reports the result, and a session may do instead. */
function isAuthorized(c: Context, { token }: Access, sessions: Sessions): boolean {
  if (token === undefined) return true;
  const given = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (given !== undefined) return isSame(given, token);
  const id = getCookie(c, sessionCookie(c));
  return id !== undefined && sessions.has(id);
}

/** Name of the cookie. Browsers send cookies to all ports of a host, so that servers on two ports need two names. */
export function sessionCookie(c: Context): string {
  const port = /:(\d+)$/.exec(c.req.header("host") ?? "")?.[1];
  return port === undefined ? "causeway_session" : `causeway_session_${port}`;
}

/** How long a session lasts. */
export const SESSION_MS = 12 * 3_600_000;
/** Sessions at once; a new one replaces the oldest. */
const MAX_SESSIONS = 64;

/** Sessions of browsers, kept in memory: they end with the server. */
export class Sessions {
  /** When each ends, oldest first. Keys are digests, so that the time of a lookup reveals nothing about other ids. */
  readonly #ends = new Map<string, number>();

  /** @param now Unix milliseconds. */
  constructor(private readonly now: () => number = Date.now) {}

  /** Starts a session and returns its id. */
  begin(): string {
    const id = randomBytes(32).toString("base64url");
    this.#ends.set(digest(id).toString("hex"), this.now() + SESSION_MS);
    if (this.#ends.size > MAX_SESSIONS) this.#ends.delete(this.#ends.keys().next().value!);
    return id;
  }

  /** Whether the session exists and has not expired. */
  has(id: string): boolean {
    const key = digest(id).toString("hex");
    const is_valid = (this.#ends.get(key) ?? -Infinity) > this.now();
    if (!is_valid) this.#ends.delete(key);
    return is_valid;
  }

  end(id: string): void {
    this.#ends.delete(digest(id).toString("hex"));
  }
}

/** Whether two texts are equal, in a time that does not reveal where they differ. */
export function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string) {
  return createHash("sha256").update(text).digest();
}
