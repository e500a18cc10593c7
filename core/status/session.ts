/**
 * Sessions of browsers, which cannot send a header with everything they load: the token is exchanged for a cookie.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Access } from "./access.ts";
import { problem } from "./reply.ts";
import { serverOf } from "./server_state.ts";
import { Problem } from "./schemas.ts";

const COOKIE = "causeway_session";
const LIFETIME_MS = 12 * 3_600_000;
/** Browsers at once; the oldest session gives way. */
const MAX_SESSIONS = 64;

/** Sessions, kept in memory: they end with the server. */
export class Sessions {
  /** When each ends, the oldest first. Under digests, so that looking one up tells nothing of the others by its time. */
  readonly #ends = new Map<string, number>();

  /** @param now Unix milliseconds. */
  constructor(private readonly now: () => number = Date.now) {}

  /** Begins one; returns its id. */
  begin(): string {
    const id = randomBytes(32).toString("base64url");
    this.#ends.set(digest(id).toString("hex"), this.now() + LIFETIME_MS);
    if (this.#ends.size > MAX_SESSIONS) this.#ends.delete(this.#ends.keys().next().value!);
    return id;
  }

  /** Whether there is such a session and it has not expired. */
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

/** Whether two texts are equal, in a time that says nothing about where they differ. */
export function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string) {
  return createHash("sha256").update(text).digest();
}

/** Id of the session that a request belongs to. */
export function sessionOf(c: Context): string | undefined {
  const pairs = (c.req.header("cookie") ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}

const problems = (...statuses: number[]) => {
  const content = { "application/problem+json": { schema: Problem } };
  return Object.fromEntries(
    statuses.map((status) => [status, { description: "Refused", content }]),
  );
};

const begin = createRoute({
  method: "post",
  path: "/session",
  summary: "Exchange the token for a cookie, for browsers",
  security: [],
  request: {
    body: {
      required: true,
      content: { "application/json": { schema: z.object({ token: z.string() }) } },
    },
  },
  responses: { 204: { description: "The cookie is set" }, ...problems(400, 401, 413) },
});

const end = createRoute({
  method: "delete",
  path: "/session",
  summary: "End the session",
  security: [],
  responses: { 204: { description: "There is no session any more" } },
});

/** Adds POST and DELETE /session. */
export function addSession(app: OpenAPIHono, access: Access): void {
  app.openapi(begin, (c) => {
    const { token } = c.req.valid("json");
    if (access.token === undefined) throw problem(400, "this server has no token and needs none");
    if (!isSame(token, access.token)) throw problem(401, "this is not the token of this server");
    c.header("Set-Cookie", cookie(serverOf(c).sessions.begin(), LIFETIME_MS / 1000));
    return c.body(null, 204);
  });
  app.openapi(end, (c) => {
    const id = sessionOf(c);
    if (id !== undefined) serverOf(c).sessions.end(id);
    c.header("Set-Cookie", cookie("", 0));
    return c.body(null, 204);
  });
}

/** No script reads it, and no page of another site sends it. */
function cookie(id: string, seconds: number): string {
  return `${COOKIE}=${id}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict`;
}
