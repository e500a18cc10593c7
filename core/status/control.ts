/**
 * Routes that pause, resume and stop a run.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { RunControl } from "../runner/mod.ts";
import type { RunSource, RunState } from "../runs/mod.ts";
import { type Access, LOCAL_ACCESS } from "./access.ts";
import { problem } from "./reply.ts";
import { serverOf } from "./server_state.ts";
import { Problem, runParam } from "./schemas.ts";

/**
 * The runner as the status server reaches it. Each function is done when the request has been handed over, and fails
 * with a sentence when the process does not run that run.
 */
export interface Control {
  /** Steps stand still at their next report, and no other starts. */
  pause(run: string): Promise<void>;
  resume(run: string): Promise<void>;
  /** Steps write their checkpoints, and the run ends as interrupted. */
  stop(run: string): Promise<void>;
}

/**
 * Acts on the run of this process.
 *
 * @param stop asks it to stop.
 */
export function controlOf(runner: RunControl, stop: () => void): Control {
  const on = (act: () => void) => (run: string) => {
    if (runner.run === run) return Promise.resolve(act());
    return Promise.reject(new Error(`run ${run} is over`));
  };
  return { pause: on(() => runner.pause()), resume: on(() => runner.resume()), stop: on(stop) };
}

/** What can be asked of a run. */
export const ACTIONS = ["pause", "resume", "stop"] as const;
export type Action = typeof ACTIONS[number];

interface ControlOptions {
  readonly runs: RunSource;
  readonly access?: Access;
  /** Absent where the process runs nothing. */
  readonly control?: Control;
}

const refusal = (description: string) => {
  return { description, content: { "application/problem+json": { schema: Problem } } };
};

const Accepted = z.object({
  run: z.string(),
  state: z.enum(["running", "finished", "failed", "interrupted", "lost"]),
  paused: z.boolean(),
}).openapi("Accepted");

const access_route = createRoute({
  method: "get",
  path: "/access",
  summary: "What this client may do",
  security: [],
  responses: {
    200: {
      description: "What it may do",
      content: {
        "application/json": {
          schema: z.object({
            token_needed: z.boolean(),
            control: z.boolean().openapi({ description: "runs can be paused and stopped here" }),
            authorized: z.boolean(),
          }).openapi("Access"),
        },
      },
    },
  },
});

const SUMMARIES: Readonly<Record<Action, string>> = {
  pause: "Let the steps of a run stand still, and start no other",
  resume: "Let a paused run go on",
  stop: "Stop a run at the next checkpoint of each step; the same command goes on from there",
};

const actionRoute = (action: Action) => {
  return createRoute({
    method: "post",
    path: `/runs/{run}/${action}`,
    summary: SUMMARIES[action],
    security: [{ token: [] }],
    request: { params: runParam },
    responses: {
      202: {
        description: "It was asked to",
        content: { "application/json": { schema: Accepted } },
      },
      401: refusal("The token is missing or wrong"),
      403: refusal("The server was started without a token"),
      404: refusal("There is no such run"),
      409: refusal("The run is over, or another process runs it"),
    },
  });
};

/** Adds GET /access, and POST /runs/{run}/pause, /resume and /stop. */
export function addControl(
  app: OpenAPIHono,
  { runs, access = LOCAL_ACCESS, control }: ControlOptions,
): void {
  const has_token = access.token !== undefined;
  app.openapi(access_route, (c) => {
    const may_control = has_token && control !== undefined;
    const authorized = serverOf(c).authorized;
    return c.json({ token_needed: has_token, control: may_control, authorized }, 200);
  });
  for (const action of ACTIONS) {
    app.openapi(actionRoute(action), async (c) => {
      if (!has_token) {
        throw problem(403, "start the server with a token to let runs be paused and stopped here");
      }
      const state = await runningOne(runs, c.req.valid("param").run);
      await ask(control, action, state.id);
      return c.json({ run: state.id, state: state.state, paused: action === "pause" }, 202);
    });
  }
}

async function runningOne(runs: RunSource, name: string): Promise<RunState> {
  const id = name === "latest" ? runs.ids()[0] : name;
  const state = id === undefined ? undefined : await runs.get(id);
  if (!state) throw problem(404, `there is no run "${name}"; GET /runs lists them`);
  if (state.state !== "running") {
    throw problem(409, `run ${state.id} is over: it is ${state.state}`);
  }
  return state;
}

async function ask(control: Control | undefined, action: Action, run: string): Promise<void> {
  if (!control) throw problem(409, `another process runs ${run}: ask the server of that process`);
  try {
    await control[action](run);
  } catch (error) {
    throw problem(409, (error as Error).message);
  }
}
