/**
 * The status API: the state and results of runs, as JSON and in formats for tools. It only reads event logs and the
 * store.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import type { RunSource } from "../runs/mod.ts";
import { type Access, LOCAL_ACCESS } from "./access.ts";
import { addErrors, explainInvalid } from "./errors.ts";
import { RequestStatistics } from "./requests.ts";
import { addArtifacts } from "./routes/artifacts.ts";
import { addControl, type Control } from "./routes/control.ts";
import { addDashboard } from "./routes/dashboard.ts";
import { addEvents } from "./routes/events.ts";
import { addLogs } from "./routes/logs.ts";
import { addMetrics } from "./routes/metrics.ts";
import { addOpenApi } from "./routes/openapi.ts";
import { addPrometheus } from "./routes/prometheus.ts";
import { addRuns } from "./routes/runs.ts";
import { addSystem } from "./routes/system.ts";
import { addSecurity, Sessions } from "./security.ts";

export interface StatusOptions {
  /** The runs to report on. */
  readonly runs: RunSource;
  /** Output folder of the runs; artifacts are served from its store. */
  readonly out?: string;
  /** Who may use the API; by default everyone on this machine. */
  readonly access?: Access;
  /** Controls the run of this process; without it runs cannot be paused or stopped here. */
  readonly control?: Control;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** Creates the app. `GET /openapi.json` describes all of its routes. */
export function statusApp(options: StatusOptions): Hono {
  const { runs, out, access = LOCAL_ACCESS, control, now = Date.now } = options;
  const source = { runs, out, now };
  const sessions = new Sessions(now);
  const requests = new RequestStatistics();
  const app = new OpenAPIHono({ defaultHook: explainInvalid });
  addSecurity(app, { access, sessions, requests });
  addErrors(app);
  addControl(app, source, { access, sessions, control });
  addSystem(app);
  addPrometheus(app, source, requests);
  addRuns(app, source);
  addMetrics(app, source);
  addEvents(app, source);
  addLogs(app, source);
  addArtifacts(app, source);
  addDashboard(app);
  addOpenApi(app);
  return app as unknown as Hono; // of any environment: it reads none
}
