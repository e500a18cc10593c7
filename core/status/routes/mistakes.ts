/**
 * What is said of requests that no route takes.
 *
 * @module
 */
import type { Hono } from "hono";
import type { Context } from "hono";
import { problem, problemResponse } from "../reply.ts";

/** Refuses a query, path or body that does not fit its schema: the first thing wrong with it. */
export function explainQuery(
  result: { success: boolean; target: string; error?: { issues: readonly Issue[] } },
  c: Context,
): Response | undefined {
  if (result.success) return undefined;
  const { path, message } = result.error!.issues[0];
  const name = String(path[0] ?? "");
  const given = c.req.queries(name) ?? [];
  const what = result.target === "query"
    ? `query parameter ${given.map((value) => `${name}="${value.slice(0, 100)}"`).join(" and ")}`
    : `${result.target} ${name}`;
  const fault = given.length > 1 ? "may be given once" : message;
  return problemResponse(problem(400, `${what} ${fault}`), c.req.path);
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Methods that some route takes at a path; none where there is no such path. */
export function allowedMethods(app: Hono, path: string): string[] {
  const methods = new Set<string>();
  for (const route of app.routes) {
    // Middleware stands under "ALL": it is nothing to be found.
    if (route.method !== "ALL" && patternOf(route.path).test(path)) methods.add(route.method);
  }
  if (methods.has("GET")) methods.add("HEAD");
  return [...methods].sort();
}

/** ":name" is a part of a path, ":name{.+}" all the rest. */
function patternOf(path: string): RegExp {
  const parts = path.split("/").map((part) => {
    if (!part.startsWith(":")) return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return part.endsWith("{.+}") ? ".+" : "[^/]+";
  });
  return new RegExp(`^${parts.join("/")}$`);
}
