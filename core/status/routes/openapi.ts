/**
 * The route that describes the others.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { liveReply } from "../reply.ts";
import { responses } from "./route_parts.ts";

const openapi = createRoute({
  method: "get",
  path: "/openapi.json",
  summary: "This document",
  responses: responses(
    "OpenAPI 3.1",
    { "application/json": z.record(z.string(), z.unknown()) },
    [304],
  ),
});

/** Adds /openapi.json. */
export function addOpenApi(app: OpenAPIHono): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "the server's token, where it was started with one",
  });
  let text: string | undefined;
  app.openapi(openapi, (c) => {
    // Made when it is first asked for: all routes are there by then.
    text ??= JSON.stringify(describe(app));
    return liveReply(c, text);
  });
}

function describe(app: OpenAPIHono) {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Causeway status API",
      version: "1",
      description: "What runs do and did. Errors are application/problem+json (RFC 9457).",
      license: { name: "MIT" },
    },
    security: [{}, { token: [] }],
  });
  for (
    const operation of Object.values(document.paths ?? {}).flatMap((path) => operationsOf(path))
  ) {
    const is_open = operation.security?.length === 0;
    operation.responses = {
      ...(is_open ? {} : { 401: NO_TOKEN }),
      403: REFUSED,
      ...operation.responses,
    };
  }
  return document;
}

type PathItem = NonNullable<ReturnType<OpenAPIHono["getOpenAPI31Document"]>["paths"]>[string];

function operationsOf({ get, post, delete: remove }: PathItem) {
  return [get, post, remove].filter((operation) => operation !== undefined);
}

/** What any request may be answered with before it comes to a route. */
const refusal = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});
const NO_TOKEN = refusal("The token is missing or wrong");
const REFUSED = refusal("The server does not answer to that name, or to pages of that origin");
