/**
 * The OpenAPI document of all routes.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { answers, JSON_TYPE, live } from "./shared.ts";

const openapi = createRoute({
  method: "get",
  path: "/openapi.json",
  summary: "This document",
  middleware: live,
  responses: answers("OpenAPI 3.1", { [JSON_TYPE]: z.record(z.string(), z.unknown()) }, [304]),
});

/** Adds /openapi.json. */
export function addOpenApi(app: OpenAPIHono): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "the server's token, if it was started with one",
  });
  let text: string | undefined;
  app.openapi(openapi, (c) => {
    // Built on the first request: all routes are registered by then.
    text ??= JSON.stringify(describe(app));
    return c.body(text, 200, { "Content-Type": JSON_TYPE });
  });
}

function describe(app: OpenAPIHono) {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Causeway status API",
      version: "1",
      description:
        "The state and results of runs. Errors are application/problem+json (RFC 9457). " +
        "A task is a step of the recipe; `step` counts optimizer steps.",
      license: { name: "MIT" },
    },
    security: [{}, { token: [] }],
  });
  for (
    const operation of Object.values(document.paths ?? {}).flatMap((path) => operationsOf(path))
  ) {
    const is_open = operation.security?.length === 0;
    operation.responses = {
      ...(is_open ? {} : { 401: referenced("The token is missing or wrong") }),
      403: referenced("The server does not answer to this host name, or to pages of this origin"),
      ...operation.responses,
    };
  }
  return document;
}

type PathItem = NonNullable<ReturnType<OpenAPIHono["getOpenAPI31Document"]>["paths"]>[string];

function operationsOf({ get, post, delete: remove }: PathItem) {
  return [get, post, remove].filter((operation) => operation !== undefined);
}

/** An answer that any request may get before it reaches a route. */
function referenced(description: string) {
  const schema = { $ref: "#/components/schemas/Problem" };
  return { description, content: { "application/problem+json": { schema } } };
}
