/**
 * A Hugging Face hub on 127.0.0.1 for tests: datasets with commits, the API, and a second origin to which large files
 * are redirected. It records requests, and a test can replace answers.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Contents by path. */
export type Files = Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>;

/** A received request. */
export interface HubRequest {
  readonly origin: "hub" | "cdn";
  /** Path and query. */
  readonly path: string;
  readonly authorization: string | null;
  readonly range: string | null;
}

/** Called with each request; its result, if any, is the answer. `usual` makes the normal answer. */
export type Spoil = (
  request: HubRequest,
  usual: () => Response,
) => Response | Promise<Response> | undefined;

interface Revision {
  readonly commit: string;
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Entries on one page of a listing; few, so that most listings have several pages. */
const PAGE = 3;
const LARGE = /\.(parquet|gz|zst|zip|arrow|bin)$/;

/** A running hub; use it with `await using`. */
export class HubServer implements AsyncDisposable {
  /** Every request so far. */
  readonly requests: HubRequest[] = [];
  /** Replaces answers while set. */
  spoil?: Spoil;
  /** Token that a dataset needs, by dataset; others are public. */
  readonly gates = new Map<string, string>();
  readonly #revisions = new Map<string, Revision[]>();
  readonly #branches = new Map<string, string>();
  readonly #hub: Deno.HttpServer<Deno.NetAddr>;
  readonly #cdn: Deno.HttpServer<Deno.NetAddr>;

  constructor(repos: Readonly<Record<string, Files>> = {}) {
    const serve = (origin: HubRequest["origin"]) =>
      Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        (request) => this.#answer(origin, request),
      );
    this.#hub = serve("hub");
    this.#cdn = serve("cdn");
    for (const [repo, files] of Object.entries(repos)) this.commit(repo, files);
  }

  /** Value for HF_ENDPOINT. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#hub.addr.port}`;
  }

  get #cdnOrigin(): string {
    return `http://127.0.0.1:${this.#cdn.addr.port}`;
  }

  /** Commits files to a branch. @returns the commit's id. */
  commit(repo: string, files: Files, branch = "main"): string {
    const bytes = Object.entries(files).map(([path, content]) =>
      [path, typeof content === "string" ? new TextEncoder().encode(content) : content] as const
    );
    const revisions = this.#revisions.get(repo) ?? [];
    const hash = createHash("sha1").update(`${repo} ${revisions.length}`);
    for (const [path, content] of bytes) hash.update(path).update(content);
    const commit = hash.digest("hex");
    this.#revisions.set(repo, [...revisions, { commit, files: new Map(bytes) }]);
    this.#branches.set(`${repo}@${branch}`, commit);
    return commit;
  }

  /** Requests so far whose path matches a pattern. */
  requested(pattern: RegExp): HubRequest[] {
    return this.requests.filter(({ path }) => pattern.test(path));
  }

  async [Symbol.asyncDispose]() {
    await Promise.all([this.#hub.shutdown(), this.#cdn.shutdown()]);
  }

  #answer(origin: HubRequest["origin"], { url, headers }: Request): Response | Promise<Response> {
    const { pathname, search, searchParams } = new URL(url);
    const request = {
      origin,
      path: pathname + search,
      authorization: headers.get("authorization"),
      range: headers.get("range"),
    };
    this.requests.push(request);
    const usual = () =>
      origin === "cdn"
        ? this.#stored(pathname, request.range)
        : this.#hubAnswer(pathname, searchParams, request);
    return this.spoil?.(request, usual) ?? usual();
  }

  #hubAnswer(path: string, query: URLSearchParams, request: HubRequest): Response {
    const route =
      /^\/api\/(?:datasets|models)\/(?<repo>.+?)\/(?<kind>tree|revision)\/(?<revision>[^/]+)$/
        .exec(path) ??
        // Models are at the root, datasets under /datasets.
        /^\/(?:datasets\/)?(?<repo>.+?)\/(?<kind>resolve)\/(?<revision>[^/]+)\/(?<file>.+)$/.exec(
          path,
        );
    if (route === null) return refusal(404, "", "Not Found");
    const { repo, kind, revision: name, file } = route.groups!;
    const revisions = this.#revisions.get(repo);
    const token = this.gates.get(repo);
    if (token !== undefined && request.authorization !== `Bearer ${token}`) {
      return request.authorization === null
        ? refusal(401, "GatedRepo", `Access to dataset ${repo} is restricted.`)
        : refusal(403, "GatedRepo", `You are not in the authorized list of ${repo}.`);
    }
    if (revisions === undefined) return refusal(404, "RepoNotFound", "Repository not found");
    const commit = this.#branches.get(`${repo}@${decodeURIComponent(name)}`) ?? name;
    const revision = revisions.find((revision) => revision.commit === commit);
    if (revision === undefined) return refusal(404, "RevisionNotFound", `Invalid rev id: ${name}`);
    switch (kind) {
      case "revision":
        return Response.json({
          _id: "0",
          id: repo,
          sha: commit,
          lastModified: "2024-01-01T00:00:00.000Z",
        });
      case "tree":
        return this.#page(path, revision, Number(query.get("cursor") ?? 0));
    }
    return this.#resolve(revision, decodeURIComponent(file), request.range);
  }

  #page(path: string, { files }: Revision, cursor: number): Response {
    const folders = new Set(
      [...files.keys()].filter((p) => p.includes("/")).map((p) => p.split("/")[0]),
    );
    const entries = [
      ...Array.from(
        folders,
        (path) => ({ type: "directory", oid: gitDigest(path), size: 0, path }),
      ),
      ...Array.from(files, ([path, content]) => entryOf(path, content)),
    ];
    const next = cursor + PAGE;
    const link = `<${this.endpoint}${path}?recursive=true&expand=false&cursor=${next}>; rel="next"`;
    return Response.json(entries.slice(cursor, next), {
      headers: next < entries.length ? { link } : {},
    });
  }

  #resolve({ commit, files }: Revision, path: string, range: string | null): Response {
    const content = files.get(path);
    if (content === undefined) return refusal(404, "EntryNotFound", "Entry not found");
    const headers = { "x-repo-commit": commit };
    if (!LARGE.test(path)) {
      return part(content, range, { ...headers, etag: `"${gitDigest(content)}"` });
    }
    const location = `${this.#cdnOrigin}/${commit}/${encodeURIComponent(path)}?Signature=secret`;
    return new Response(null, {
      status: 302,
      headers: {
        ...headers,
        location,
        "x-linked-etag": `"${sha256(content)}"`,
        "x-linked-size": `${content.length}`,
      },
    });
  }

  #stored(path: string, range: string | null): Response {
    const [, commit, file] = path.split("/");
    const content = [...this.#revisions.values()].flat()
      .find((revision) => revision.commit === commit)?.files.get(decodeURIComponent(file));
    return content === undefined
      ? new Response("NoSuchKey", { status: 404 })
      : part(content, range, { etag: `"stored-${sha256(content).slice(0, 8)}"` });
  }
}

/** The same answer, but the connection breaks after some bytes of its body. */
export async function cutAfter(bytes: number, answer: Response): Promise<Response> {
  const content = await answer.bytes();
  // Deno's server breaks the connection if a body is shorter than its content-length.
  answer.headers.set("content-length", `${content.length}`);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(content.subarray(0, bytes));
      controller.close();
    },
  });
  return new Response(body, answer);
}

function entryOf(path: string, content: Uint8Array) {
  const large = LARGE.test(path)
    ? {
      lfs: { oid: sha256(content), size: content.length, pointerSize: 130 },
      oid: gitDigest(`pointer to ${sha256(content)}`),
      xetHash: sha256(sha256(content)),
    }
    : { oid: gitDigest(content) };
  return { type: "file", path, size: content.length, ...large };
}

function part(
  content: Uint8Array<ArrayBuffer>,
  range: string | null,
  headers: Record<string, string>,
) {
  const start = /^bytes=(\d+)-$/.exec(range ?? "")?.[1];
  if (start === undefined) {
    return new Response(content, {
      headers: { ...headers, "content-length": `${content.length}` },
    });
  }
  const from = Number(start);
  if (from >= content.length) return new Response(null, { status: 416, headers });
  return new Response(content.subarray(from), {
    status: 206,
    headers: {
      ...headers,
      "content-length": `${content.length - from}`,
      "content-range": `bytes ${from}-${content.length - 1}/${content.length}`,
    },
  });
}

function refusal(status: number, code: string, error: string): Response {
  return Response.json({ error }, { status, headers: { "x-error-code": code } });
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Git's id of a blob with this content. */
export function gitDigest(content: string | Uint8Array): string {
  const size = typeof content === "string"
    ? new TextEncoder().encode(content).length
    : content.length;
  return createHash("sha1").update(`blob ${size}\0`).update(content).digest("hex");
}
