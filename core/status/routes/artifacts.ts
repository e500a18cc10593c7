/**
 * Routes of artifacts: the outputs of a run's tasks, found by the event log and the manifests, never by a path that a
 * client gives.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { join } from "node:path";
import { readBatches } from "../../arrow/mod.ts";
import type { RunIndex, RunState, StepState } from "../../runs/mod.ts";
import { type Artifact, artifactObjects, FILE_COLUMNS, Store } from "../../store/mod.ts";
import { notFound } from "../errors.ts";
import {
  type artifact_schema,
  artifacts_schema,
  files_schema,
  run_params,
  table_schema,
} from "../schemas.ts";
import { fileReply, setCacheHeaders } from "./files.ts";
import {
  answers,
  ARROW_FILE,
  ARROW_STREAM,
  assertTask,
  binary,
  byETag,
  chooseType,
  CSV,
  findIndex,
  findRun,
  JSON_TYPE,
  list_query_schema,
  live,
  type Source,
  text,
  wholeQuery,
} from "./shared.ts";
import { MAX_ROWS, readStored, tableReply } from "./tables.ts";

/**
 * A page of a report shows its pictures and styles but runs no script, so that it cannot use the API with the session
 * of its reader. It keeps its origin, without which browsers would not send the strict cookie with its pictures.
 */
const SANDBOX = "sandbox allow-same-origin allow-downloads allow-popups; " +
  "default-src 'self' 'unsafe-inline' data:; script-src 'none'; connect-src 'none'; " +
  "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

const digest = z.string().optional().openapi({
  description: "the expected digest: with it, the answer can be cached forever",
});
const output_params = run_params.extend({ task: z.string(), output: z.string() });

const list = createRoute({
  method: "get",
  path: "/runs/{run}/artifacts",
  summary: "The outputs of a run's tasks",
  middleware: live,
  request: { params: run_params },
  responses: answers("Outputs of finished and skipped tasks", { [JSON_TYPE]: artifacts_schema }),
});

const one = createRoute({
  method: "get",
  path: "/runs/{run}/artifacts/{task}/{output}",
  summary: "A table, or the list of an output's files",
  description:
    "A table as a JSON page, CSV (all of it, or a page), an Arrow stream, or the Arrow " +
    "file itself (ranges are supported). For a files output, their list as JSON.",
  middleware: byETag,
  request: {
    params: output_params,
    query: z.object({
      offset: wholeQuery(0, Number.MAX_SAFE_INTEGER).optional().openapi({
        description: "index of the first row",
      }),
      limit: wholeQuery(0, MAX_ROWS).optional().openapi({
        description:
          "maximum number of rows; for JSON 1000 by default, and fewer if lists are long",
      }),
      columns: list_query_schema.optional().openapi({
        description: "only these columns, in this order; separated by commas or repeated",
      }),
      digest,
    }),
  },
  responses: {
    ...answers(
      "The table or the list of files",
      {
        [JSON_TYPE]: z.union([table_schema, files_schema]),
        [CSV]: text,
        [ARROW_FILE]: binary,
        [ARROW_STREAM]: binary,
      },
      [304, 400, 404, 406, 416, 500],
    ),
    206: { description: "Part of the Arrow file", content: { [ARROW_FILE]: { schema: binary } } },
  },
});

/** Adds /runs/{run}/artifacts and the routes below it. */
export function addArtifacts(app: OpenAPIHono, source: Source): void {
  const artifacts = new ArtifactSource(source.out);
  const find = async (run: string, task: string, output: string) => {
    const state = await findRun(source, run);
    const artifact = artifacts.find(state, await findIndex(source, state.id), task, output);
    return { artifact, url: urlOf(state.id, task, output) };
  };
  app.openapi(list, async (c) => {
    const state = await findRun(source, c.req.valid("param").run);
    const index = await findIndex(source, state.id);
    return c.json({ artifacts: describe(state, index, artifacts) }, 200);
  });
  app.openapi(one, async (c) => {
    const { run, task, output } = c.req.valid("param");
    const { artifact, url } = await find(run, task, output);
    if (artifact.kind === "table") {
      return await tableReply(c, artifact, await artifacts.tablePaths(artifact), {
        ...c.req.valid("query"),
        origin: `${task}.${output}`,
      });
    }
    chooseType(c, [JSON_TYPE]);
    setCacheHeaders(c, artifact.digest, "-json");
    const files = (await artifacts.filesOf(artifact)).map(({ name, bytes, digest, media_type }) => {
      const path = name.split("/").map(encodeURIComponent).join("/");
      return { name, bytes, digest, media_type, url: `${url}/files/${path}?digest=${digest}` };
    });
    return c.json({ files }, 200);
  });
  // File names may have slashes, which an OpenAPI parameter cannot express.
  app.openAPIRegistry.registerPath({
    method: "get",
    path: "/runs/{run}/artifacts/{task}/{output}/files/{name}",
    summary: "A file of an output; its name may have slashes",
    request: {
      params: output_params.extend({ name: z.string() }),
      query: z.object({ digest }),
    },
    responses: {
      ...answers("The file", { "application/octet-stream": binary }, [304, 404, 416]),
      206: { description: "Part of the file", content: { "*/*": { schema: binary } } },
    },
  });
  app.get("/runs/:run/artifacts/:task/:output/files/:name{.+}", byETag, async (c) => {
    const { run, task, output, name } = c.req.param();
    const { artifact, url } = await find(run, task, output);
    if (artifact.kind !== "files") throw notFound(`${url} is a table and has no files`);
    const file = (await artifacts.filesOf(artifact)).find((file) => file.name === name);
    if (!file) throw notFound(`there is no file "${name}"; GET ${url} lists the files`);
    c.header("Content-Security-Policy", SANDBOX);
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
): z.infer<typeof artifact_schema>[] {
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

/** A file of a files artifact. */
interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  readonly digest: string;
  readonly media_type: string;
}

const DIGEST = /^[0-9a-f]{64}$/;
/** Manifests kept in memory. */
const MAX_MANIFESTS = 256;

/** The artifacts of an output folder. */
class ArtifactSource {
  readonly #store?: Store;
  /** By result key: the manifest of a result never changes. */
  readonly #outputs = new Map<string, Outputs>();

  constructor(out: string | undefined) {
    this.#store = out === undefined ? undefined : new Store(join(out, "store"));
  }

  /** Artifacts of a task by output; none until it is done. */
  outputsOf(step: StepState, { keys }: RunIndex): Outputs {
    if (step.state !== "finished" && step.state !== "skipped") return {};
    // A finished task has them in its event; a skipped one only in the manifest of the earlier result.
    if (step.outputs) return step.outputs as Outputs;
    const key = keys.get(step.id) ?? "";
    const known = this.#outputs.get(key);
    if (known || !DIGEST.test(key)) return known ?? {};
    const manifest = this.#store?.readManifest(key);
    if (manifest) this.#outputs.set(key, manifest.outputs);
    if (this.#outputs.size > MAX_MANIFESTS) {
      this.#outputs.delete(this.#outputs.keys().next().value!);
    }
    return manifest?.outputs ?? {};
  }

  /** @throws {HTTPException} 404 if there is no such task, or it has no such output. */
  find(state: RunState, index: RunIndex, task: string, output: string): Artifact {
    assertTask(state, task);
    const step = state.steps.find(({ id }) => id === task)!;
    const outputs = this.outputsOf(step, index);
    if (Object.hasOwn(outputs, output)) return outputs[output];
    const known = Object.keys(outputs).join(", ");
    const detail = known ? `its outputs: ${known}` : `it is ${step.state} and has none yet`;
    throw notFound(`task "${task}" has no output "${output}"; ${detail}`);
  }

  /** Paths of the Arrow files of a table, in order. */
  async tablePaths(artifact: Artifact): Promise<string[]> {
    const path = this.objectPath(artifact.digest);
    if (artifact.shards === undefined) return [path];
    const objects = await readStored(() => artifactObjects(artifact, path));
    return objects.map(({ digest }) => this.objectPath(digest));
  }

  /** The files of a files artifact. */
  async filesOf({ digest }: Artifact): Promise<readonly StoredFile[]> {
    const path = this.objectPath(digest);
    return await readStored(() => readListing(path));
  }

  /**
   * Path of an object, which must be a regular file: a link might lead out of the store.
   *
   * @throws {HTTPException} 404 if there is none.
   */
  objectPath(digest: string): string {
    if (!this.#store) throw notFound("this server was started without a store");
    const path = DIGEST.test(digest) ? this.#store.objectPath(digest) : undefined;
    if (path !== undefined && isFile(path)) return path;
    throw notFound("the output is no longer in the store; run the recipe again to restore it");
  }
}

type Outputs = Readonly<Record<string, Artifact>>;

async function readListing(path: string): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for await (const batch of readBatches(path, FILE_COLUMNS)) {
    batch.name.forEach((name, i) => {
      const [digest, media_type] = [batch.sha256[i], batch.media_type[i]];
      files.push({ name, bytes: batch.bytes[i], digest, media_type });
    });
  }
  return files;
}

function isFile(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
