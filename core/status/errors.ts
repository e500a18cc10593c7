/**
 * All error answers: problems that routes throw, invalid requests, and requests that no route matches (404, 405).
 *
 * @module
 */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { methodNotAllowed } from "hono/method-not-allowed";

const TITLES = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  409: "Conflict",
  413: "Content too large",
  415: "Unsupported media type",
  416: "Range not satisfiable",
  429: "Too many requests",
  500: "Internal error",
  503: "Service unavailable",
} as const;

export type ProblemStatus = keyof typeof TITLES;

export const problem_schema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string(),
}).openapi("Problem", { description: "An error (RFC 9457)." });

/** Declares an error answer in the OpenAPI document. */
export function problemAnswer(description: string) {
  return { description, content: { "application/problem+json": { schema: problem_schema } } };
}

/**
 * A problem to throw; it becomes an `application/problem+json` answer (RFC 9457).
 *
 * @param detail one sentence that names the cause and the fix.
 * @param headers to send with it, such as `Allow` or `Retry-After`.
 */
export function problem(
  status: ProblemStatus,
  detail: string,
  headers?: Record<string, string>,
): HTTPException {
  return new HTTPException(status, { message: detail, cause: headers });
}

/** A 404 to throw. */
export function notFound(detail: string): HTTPException {
  return problem(404, detail);
}

/**
 * A 401 to throw, with the challenge that it must have (RFC 9110, 15.5.2; RFC 6750, 3).
 *
 * @param was_given whether the request came with a token, so that it must be wrong.
 */
export function unauthorized(detail: string, was_given: boolean): HTTPException {
  const error = was_given ? ', error="invalid_token"' : "";
  return problem(401, detail, { "WWW-Authenticate": `Bearer realm="causeway"${error}` });
}

/** Answers all errors of an app, and the requests that none of its routes matches. */
export function addErrors(app: OpenAPIHono): void {
  app.onError((error, c) => problemResponse(error, c));
  app.notFound((c) => problemResponse(notFound(`there is nothing at ${c.req.path}`), c));
  const onMethodNotAllowed = (c: Context, methods: readonly string[]) => {
    const allow = methods.join(", ");
    const detail = `${c.req.path} does not support ${c.req.method}; use ${allow}`;
    return problemResponse(problem(405, detail, { allow }), c);
  };
  app.use(methodNotAllowed({ app, onMethodNotAllowed }));
}

/** A problem as it was thrown; any other error as an internal error. */
function problemResponse(error: Error, c: Context): Response {
  const known = error instanceof HTTPException && error.status in TITLES;
  const status = known ? error.status as ProblemStatus : 500;
  const headers = known ? error.cause as Record<string, string> | undefined : undefined;
  const body: z.infer<typeof problem_schema> = {
    type: "about:blank",
    title: TITLES[status],
    status,
    detail: error.message,
    instance: c.req.path,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      ...headers,
      "content-type": "application/problem+json",
      "cache-control": "no-store",
    },
  });
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Answers a query, path or body that does not match its schema: 400 with the first issue. */
export function explainInvalid(
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
  // The value comes before it already.
  const fault = given.length > 1 ? "may be given only once" : message.replace(/, got [^]*$/, "");
  return problemResponse(problem(400, `${what} ${fault}`), c);
}
