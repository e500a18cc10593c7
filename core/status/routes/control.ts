/**
 * Routes of clients that may do more than read: what a client may do, sessions, and control of the run.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { deleteCookie, setCookie } from "hono/cookie";
import type { RunControl } from "../../runner/mod.ts";
import type { Access } from "../access.ts";
import { problem, problemAnswer, unauthorized } from "../errors.ts";
import { run_params, run_state_schema } from "../schemas.ts";
import { isSame, SESSION_MS, sessionCookie, type Sessions } from "../security.ts";
import { answers, findRun, JSON_TYPE, type Source } from "./shared.ts";

/**
 * The runner as the status server reaches it. Each function resolves when the request has been passed on, and rejects
 * with a sentence when the process does not run that run.
 */
export interface Control {
  /** Pauses running tasks at their next report and starts no others. */
  pause(run: string): Promise<void>;
  resume(run: string): Promise<void>;
  /** Running tasks write their checkpoints, and the run ends as stopped. */
  stop(run: string): Promise<void>;
}

/**
 * Controls the run of this process.
 *
 * @param stop requests the stop.
 */
export function controlOf(runner: RunControl, stop: () => void): Control {
  const on = (act: () => void) => (run: string) => {
    if (runner.run === run) return Promise.resolve(act());
    return Promise.reject(new Error(`run ${run} is over`));
  };
  return { pause: on(() => runner.pause()), resume: on(() => runner.resume()), stop: on(stop) };
}

const ACTIONS = ["pause", "resume", "stop"] as const;
export type Action = typeof ACTIONS[number];

const access_schema = z.object({
  token_needed: z.boolean(),
  control: z.boolean().openapi({ description: "whether runs can be paused and stopped" }),
  authorized: z.boolean(),
}).openapi("Access");

const access_route = createRoute({
  method: "get",
  path: "/access",
  summary: "What this client may do",
  security: [],
  responses: answers("What it may do", { [JSON_TYPE]: access_schema }, []),
});

const begin_session = createRoute({
  method: "post",
  path: "/session",
  summary: "Exchange the token for a cookie, for browsers",
  security: [],
  request: {
    body: {
      required: true,
      content: { [JSON_TYPE]: { schema: z.object({ token: z.string() }) } },
    },
  },
  responses: {
    204: { description: "The cookie is set" },
    400: problemAnswer("The body is invalid, or the server has no token"),
    401: problemAnswer("The token is wrong"),
    413: problemAnswer("The body is too large"),
  },
});

const end_session = createRoute({
  method: "delete",
  path: "/session",
  summary: "End the session",
  security: [],
  responses: { 204: { description: "The session has ended" } },
});

const accepted_schema = z.object({ run: z.string(), state: run_state_schema, paused: z.boolean() })
  .openapi("Accepted");

const SUMMARIES: Readonly<Record<Action, string>> = {
  pause: "Pause the running tasks of a run, and start no others",
  resume: "Resume a paused run",
  stop: "Stop a run at the next checkpoint of each task; the same command continues it",
};

const actionRoute = (action: Action) =>
  createRoute({
    method: "post",
    path: `/runs/{run}/${action}`,
    summary: SUMMARIES[action],
    security: [{ token: [] }],
    request: { params: run_params },
    responses: {
      202: { description: "Accepted", content: { [JSON_TYPE]: { schema: accepted_schema } } },
      401: problemAnswer("The token is missing or wrong"),
      403: problemAnswer("The server was started without a token"),
      404: problemAnswer("No such run"),
      409: problemAnswer("The run is over, or another process runs it"),
    },
  });

interface ControlOptions {
  readonly access: Access;
  readonly sessions: Sessions;
  /** Absent if this process runs nothing. */
  readonly control?: Control;
}

/** Adds GET /access, POST and DELETE /session, and POST /runs/{run}/pause, /resume and /stop. */
export function addControl(
  app: OpenAPIHono,
  source: Source,
  { access: { token }, sessions, control }: ControlOptions,
): void {
  app.openapi(access_route, (c) => {
    const may_control = token !== undefined && control !== undefined;
    const authorized = c.get("authorized");
    return c.json({ token_needed: token !== undefined, control: may_control, authorized }, 200);
  });
  app.openapi(begin_session, (c) => {
    if (token === undefined) throw problem(400, "this server has no token and needs none");
    if (!isSame(c.req.valid("json").token, token)) {
      throw unauthorized("this is not the token of this server", true);
    }
    // No script can read the cookie, and no page of another site sends it.
    const flags = { maxAge: SESSION_MS / 1000, httpOnly: true, sameSite: "Strict" } as const;
    setCookie(c, sessionCookie(c), sessions.begin(), flags);
    return c.body(null, 204);
  });
  app.openapi(end_session, (c) => {
    const id = deleteCookie(c, sessionCookie(c));
    if (id !== undefined) sessions.end(id);
    return c.body(null, 204);
  });
  for (const action of ACTIONS) {
    app.openapi(actionRoute(action), async (c) => {
      if (token === undefined) {
        throw problem(403, "start the server with a token to pause, resume and stop runs here");
      }
      const { id, state } = await findRun(source, c.req.valid("param").run);
      if (state !== "running") throw problem(409, `run ${id} is over: it is ${state}`);
      await request(control, action, id);
      return c.json({ run: id, state, paused: action === "pause" }, 202);
    });
  }
}

async function request(control: Control | undefined, action: Action, run: string): Promise<void> {
  if (!control) throw problem(409, `another process runs ${run}; use the server of that process`);
  try {
    await control[action](run);
  } catch (error) {
    throw problem(409, (error as Error).message);
  }
}
