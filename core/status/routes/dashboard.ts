/**
 * Routes of the dashboard: static files of this program, by a fixed list of names.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { listFolder } from "../../store/mod.ts";
import { liveReply, problem } from "../reply.ts";
import { responses, text } from "./route_parts.ts";

const FOLDER = fileURLToPath(new URL("../dashboard/", import.meta.url));
const PLOT_FILES = ["uPlot.esm.js", "uPlot.iife.min.js", "uPlot.min.css"];

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
};

/** Nothing but files of this server, and no script or style within a page. */
const POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; " +
  "frame-ancestors 'none'";

const index = createRoute({
  method: "get",
  path: "/",
  summary: "The dashboard, for browsers",
  security: [],
  responses: responses("A page", { "text/html": text }, [304]),
});

const file = createRoute({
  method: "get",
  path: "/dashboard/{name}",
  summary: "A file of the dashboard; its name may begin with vendor/",
  security: [],
  request: { params: z.object({ name: z.string() }) },
  responses: responses("The file", { "text/javascript": text, "text/css": text }),
});

/** Adds / and /dashboard/. */
export function addDashboard(app: OpenAPIHono): void {
  const paths = dashboardFiles();
  app.openapi(index, (c) => reply(c, paths.get("index.html")));
  app.openAPIRegistry.registerPath(file);
  app.get("/dashboard/:name{.+}", (c) => reply(c, paths.get(c.req.param("name"))));
}

/** Paths by the names under which they are served. */
function dashboardFiles(): Map<string, string> {
  const own = listFolder(FOLDER).filter((name) => extname(name) in MEDIA_TYPES);
  const plot = dirname(createRequire(import.meta.url).resolve("uplot"));
  return new Map([
    ...own.map((name) => [name, join(FOLDER, name)] as const),
    ...PLOT_FILES.map((name) => [`vendor/${name}`, join(plot, name)] as const),
  ]);
}

async function reply(c: Context, path: string | undefined): Promise<Response> {
  if (path === undefined) throw problem(404, `there is nothing at ${c.req.path}`);
  c.header("Content-Security-Policy", POLICY);
  c.header("X-Content-Type-Options", "nosniff");
  c.header("Referrer-Policy", "no-referrer");
  return liveReply(c, await Deno.readFile(path), MEDIA_TYPES[extname(path)]);
}
