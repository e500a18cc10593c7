/**
 * What the server keeps between requests, and knows of each before a route sees it.
 *
 * @module
 */
import type { Context } from "hono";
import type { RequestStatistics } from "./request_statistics.ts";
import type { Sessions } from "./session.ts";

declare module "hono" {
  interface ContextVariableMap {
    server: ServerState;
  }
}

export interface ServerState {
  readonly sessions: Sessions;
  readonly requests: RequestStatistics;
  /** Whether this request came with the token or a session, or none is needed. */
  readonly authorized: boolean;
}

/** As `addSecurity` found it. */
export function serverOf(c: Context): ServerState {
  return c.get("server");
}
