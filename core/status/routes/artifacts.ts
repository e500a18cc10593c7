/**
 * Routes of what steps made.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { RunIndex, RunState } from "../../runs/mod.ts";
import { chooseType, isFresh, liveReply, problem } from "../reply.ts";
import { type ArtifactEntry, Artifacts, Files, runParam, Table } from "../schemas.ts";
import { binary, listQuery, responses, text, wholeQuery } from "./route_parts.ts";
import { ArtifactSource } from "./artifact_source.ts";
import { cacheHeaders, fileReply } from "./file_reply.ts";
import { findIndex, findRun, type Source } from "./source.ts";
import { ARROW_FILE, ARROW_STREAM, CSV, JSON_TYPE, MAX_ROWS, tableReply } from "./table_reply.ts";

/**
 * A page of a report is shown with its pictures and styles, and runs no script, so that it cannot ask the API with the
 * session of whoever looks at it. It keeps its origin: browsers send a strict cookie with its pictures only then.
 */
const SANDBOX = "sandbox allow-same-origin allow-downloads allow-popups; " +
  "default-src 'self' 'unsafe-inline' data:; script-src 'none'; connect-src 'none'; " +
  "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

const digest = z.string().optional().openapi({
  description: "the digest that is expected: an equal answer may be kept for ever",
});
const outputParams = runParam.extend({ step: z.string(), output: z.string() });

const list = createRoute({
  method: "get",
  path: "/runs/{run}/artifacts",
  summary: "What the steps of a run made",
  request: { params: runParam },
  responses: responses("Outputs of steps that are done", { "application/json": Artifacts }),
});

const one = createRoute({
  method: "get",
  path: "/runs/{run}/artifacts/{step}/{output}",
  summary: "A table, or the files of an output",
  description: "A table as JSON (a page), CSV (all, or a page), an Arrow stream, or the Arrow " +
    "file itself, of which ranges may be asked for. Of files, their list as JSON.",
  request: {
    params: outputParams,
    query: z.object({
      offset: wholeQuery(0, Number.MAX_SAFE_INTEGER).optional().openapi({
        description: "the first row",
      }),
      limit: wholeQuery(0, MAX_ROWS).optional().openapi({
        description: "rows at most; JSON gives 1000 by default, and fewer where lists are long",
      }),
      columns: listQuery.optional().openapi({
        description: "only these columns, in this order; commas or several parameters",
      }),
      digest,
    }),
  },
  responses: {
    ...responses(
      "The table or the list",
      {
        [JSON_TYPE]: z.union([Table, Files]),
        [CSV]: text,
        [ARROW_FILE]: binary,
        [ARROW_STREAM]: binary,
      },
      [304, 400, 404, 406, 416, 500],
    ),
    206: { description: "Part of the Arrow file", content: { [ARROW_FILE]: { schema: binary } } },
  },
});

/** Adds /runs/{run}/artifacts and what is below. */
export function addArtifacts(app: OpenAPIHono, source: Source): void {
  const artifacts = new ArtifactSource(source.out);
  const find = async (run: string, step: string, output: string) => {
    const state = await findRun(source, run);
    const artifact = artifacts.find(state, await findIndex(source, state.id), step, output);
    return { artifact, url: urlOf(state.id, step, output) };
  };
  app.openapi(list, async (c) => {
    const state = await findRun(source, c.req.valid("param").run);
    const index = await findIndex(source, state.id);
    return liveReply(c, JSON.stringify({ artifacts: describe(state, index, artifacts) }));
  });
  app.openapi(one, async (c) => {
    const { run, step, output } = c.req.valid("param");
    const { artifact, url } = await find(run, step, output);
    if (artifact.kind === "table") {
      return await tableReply(c, artifact, await artifacts.tablePaths(artifact), {
        ...c.req.valid("query"),
        origin: `${step}.${output}`,
      });
    }
    chooseType(c, [JSON_TYPE]);
    const files = await artifacts.filesOf(artifact);
    if (isFresh(c, cacheHeaders(c, artifact.digest, "-json"))) return c.body(null, 304);
    const listed = files.map(({ name, bytes, digest, media_type }) => {
      const path = name.split("/").map(encodeURIComponent).join("/");
      return { name, bytes, digest, media_type, url: `${url}/files/${path}?digest=${digest}` };
    });
    return c.json({ files: listed }, 200);
  });
  // The names of files have slashes, which OpenAPI knows no parameter for.
  app.openAPIRegistry.registerPath({
    method: "get",
    path: "/runs/{run}/artifacts/{step}/{output}/files/{name}",
    summary: "A file of an output; its name may have slashes",
    request: {
      params: outputParams.extend({ name: z.string() }),
      query: z.object({ digest }),
    },
    responses: {
      ...responses("The file", { "application/octet-stream": binary }, [304, 404, 416]),
      206: { description: "Part of it", content: { "*/*": { schema: binary } } },
    },
  });
  app.get("/runs/:run/artifacts/:step/:output/files/:name{.+}", async (c) => {
    const { run, step, output, name } = c.req.param();
    const { artifact, url } = await find(run, step, output);
    if (artifact.kind !== "files") throw problem(404, `${url} is a table and has no files`);
    const file = (await artifacts.filesOf(artifact)).find((file) => file.name === name);
    if (!file) throw problem(404, `there is no file "${name}"; GET ${url} lists those there are`);
    c.header("Content-Security-Policy", SANDBOX);
    c.header("X-Content-Type-Options", "nosniff");
    return fileReply(c, artifacts.objectPath(file.digest), file.digest, file.media_type);
  });
}

function urlOf(run: string, step: string, output: string): string {
  return `/runs/${[run, "artifacts", step, output].map(encodeURIComponent).join("/")}`;
}

function describe(
  state: RunState,
  index: RunIndex,
  artifacts: ArtifactSource,
): z.infer<typeof ArtifactEntry>[] {
  return state.steps.flatMap((step) => {
    const stage = state.stages.find(({ name }) => name === step.stage);
    return Object.entries(artifacts.outputsOf(step, index)).map(([output, artifact]) => {
      const { kind, digest, rows, bytes } = artifact;
      const url = `${urlOf(state.id, step.id, output)}?digest=${digest}`;
      const port = stage?.outputs[output] ?? null;
      return { task: step.id, output, kind, digest, rows, bytes, port, url };
    });
  });
}
