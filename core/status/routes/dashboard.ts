/**
 * Routes of the dashboard: a fixed list of static files.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { listFolder } from "../../store/mod.ts";
import { notFound } from "../errors.ts";
import { answers, live, text } from "./shared.ts";

const FOLDER = fileURLToPath(new URL("../dashboard/", import.meta.url));
const PLOT_FILES = ["uPlot.esm.js", "uPlot.iife.min.js", "uPlot.min.css"];

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
};

/** Only files of this server, and no inline scripts or styles. */
const POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; " +
  "frame-ancestors 'none'";

const index = createRoute({
  method: "get",
  path: "/",
  summary: "The dashboard, for browsers",
  security: [],
  middleware: live,
  responses: answers("A page", { "text/html": text }, [304]),
});

const file = createRoute({
  method: "get",
  path: "/dashboard/{name}",
  summary: "A file of the dashboard; its name may begin with vendor/",
  security: [],
  request: { params: z.object({ name: z.string() }) },
  responses: answers("The file", { "text/javascript": text, "text/css": text }),
});

/** Adds / and /dashboard/. */
export function addDashboard(app: OpenAPIHono): void {
  const paths = dashboardFiles();
  app.openapi(index, (c) => reply(c, paths.get("index.html")));
  app.openAPIRegistry.registerPath(file);
  app.get("/dashboard/:name{.+}", ...live, (c) => reply(c, paths.get(c.req.param("name"))));
}

/** Paths of the files, by the names under which they are served. */
function dashboardFiles(): Map<string, string> {
  const own = listFolder(FOLDER).filter((name) => extname(name) in MEDIA_TYPES);
  const plot = dirname(createRequire(import.meta.url).resolve("uplot"));
  return new Map([
    ...own.map((name) => [name, join(FOLDER, name)] as const),
    ...PLOT_FILES.map((name) => [`vendor/${name}`, join(plot, name)] as const),
  ]);
}

function reply(c: Context, path: string | undefined): Response {
  if (path === undefined) throw notFound(`there is nothing at ${c.req.path}`);
  c.header("Content-Security-Policy", POLICY);
  const type = MEDIA_TYPES[extname(path)];
  c.header("Content-Type", type.startsWith("text/") ? `${type}; charset=utf-8` : type);
  return c.body(Deno.readFileSync(path), 200);
}
