/**
 * The status API: what runs do and did, as JSON and in formats for tools. It reads event logs and the store only.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import type { RunSource } from "../runs/mod.ts";
import { type Access, LOCAL_ACCESS } from "./access.ts";
import { addControl, type Control } from "./control.ts";
import { addPrometheus } from "./prometheus.ts";
import { problem, problemResponse } from "./reply.ts";
import { addArtifacts } from "./routes/artifacts.ts";
import { addDashboard } from "./routes/dashboard.ts";
import { addEvents } from "./routes/events.ts";
import { addLogs } from "./routes/logs.ts";
import { addMetrics } from "./routes/metrics.ts";
import { allowedMethods, explainQuery } from "./routes/mistakes.ts";
import { addOpenApi } from "./routes/openapi.ts";
import { addRuns } from "./routes/runs.ts";
import { addSecurity } from "./security.ts";
import { addSession } from "./session.ts";
import { addSystem } from "./system.ts";

export interface StatusOptions {
  /** Where the answers come from. */
  readonly runs: RunSource;
  /** Output folder of the runs; artifacts are served from its store. */
  readonly out?: string;
  /** Who may ask; by default whoever is on this machine. */
  readonly access?: Access;
  /** Acts on the run of this process; without it runs cannot be paused or stopped here. */
  readonly control?: Control;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** Makes the app. `GET /openapi.json` describes all its routes. */
export function statusApp(options: StatusOptions): Hono {
  const { runs, out, access = LOCAL_ACCESS, control, now = Date.now } = options;
  const source = { runs, out, now };
  const app = new OpenAPIHono({ defaultHook: explainQuery });
  app.notFound((c) => {
    const allowed = allowedMethods(app, c.req.path);
    if (allowed.length === 0) {
      return problemResponse(problem(404, `there is nothing at ${c.req.path}`), c.req.path);
    }
    const detail = `${c.req.path} does not take ${c.req.method}; it takes ${allowed.join(", ")}`;
    return problemResponse(problem(405, detail, { allow: allowed.join(", ") }), c.req.path);
  });
  app.onError((error, c) => problemResponse(error, c.req.path));
  addSecurity(app, access, now);
  addSession(app, access);
  addControl(app, { runs, access, control });
  addSystem(app);
  addPrometheus(app, { runs, now });
  addRuns(app, source);
  addMetrics(app, source);
  addEvents(app, source);
  addLogs(app, source);
  addArtifacts(app, source);
  addDashboard(app);
  addOpenApi(app);
  return app as unknown as Hono; // of any environment, of which it reads nothing
}
