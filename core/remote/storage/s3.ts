/**
 * A bucket of S3, or of a server with the same protocol, as shared storage.
 *
 * @module
 */
import { openFile } from "../../words/mod.ts";
import { AwsV4Signer } from "aws4fetch";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  firstBytes,
  firstText,
  retrying,
  type RetryOptions,
  TransientError,
} from "../../net/mod.ts";
import { type Storage, StorageError } from "./storage.ts";

export interface S3Options extends S3Settings, Pick<RetryOptions, "retries" | "pause_ms" | "log"> {
  /** Larger files are sent in parts of this size, each held in memory. At least 5 MiB; at most 10,000 parts. */
  readonly part_bytes: number;
}

/** Manifests have a few kilobytes for each output. */
const MAX_SMALL_BYTES = 64 << 20;
const OK_OR_NONE = { accept: [404] };

/** As {@linkcode retrying}. @throws {StorageError} after the last try. */
function tries<T>(
  task: string,
  { retries, pause_ms, log }: S3Options,
  attempt: () => Promise<T>,
  reached?: () => number,
): Promise<T> {
  const fail = (message: string) => new StorageError(message);
  return retrying(task, { retries, pause_ms, log, fail }, attempt, reached);
}

export function s3Storage(url: string, options: S3Options): Storage {
  const ask = (task: string, request: S3Request) =>
    tries(`${task} ${request.name}`, options, () => send(options, request));

  return {
    url,
    async read(name) {
      return await tries(`reading ${name}`, options, async () => {
        const response = await send(options, { method: "GET", name, ...OK_OR_NONE });
        if (response.status !== 404) return await bytesOf(response);
        await refuseMissingBucket(response, options);
        return undefined;
      });
    },
    async create(name, content) {
      const headers = { "if-none-match": "*", ...checksum(sha256Hex(content)) };
      const request = { method: "PUT", name, headers, body: content, accept: [412] } as const;
      const response = await ask("writing", request);
      await response.body?.cancel();
      return response.status !== 412;
    },
    async has(name) {
      const response = await ask("looking for", { method: "HEAD", name, ...OK_OR_NONE });
      return response.status !== 404;
    },
    async upload(name, path, sha256) {
      using file = await openFile(path);
      const { size } = await file.stat();
      if (size > options.part_bytes) return await uploadParts(name, file, size, options);
      const body = await readBytes(file, size);
      const headers = checksum(sha256);
      const response = await ask("writing", { method: "PUT", name, headers, body });
      await response.body?.cancel();
    },
    download: (name, path, max_bytes = Infinity) => downloadTo(name, path, max_bytes, options),
  };
}

/** S3 compares it with what arrived, and keeps it. */
function checksum(sha256_hex: string): Record<string, string> {
  return { "x-amz-checksum-sha256": Buffer.from(sha256_hex, "hex").toString("base64") };
}

/** Multipart upload: the object appears on completion. */
async function uploadParts(name: string, file: Deno.FsFile, size: number, options: S3Options) {
  const ask = (task: string, request: Omit<S3Request, "name">) =>
    tries(`${task} ${name}`, options, () => send(options, { ...request, name }));
  const begun = await firstText(
    await ask("writing", { method: "POST", query: { uploads: "" } }),
  );
  const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(begun)?.[1];
  if (uploadId === undefined) {
    throw new StorageError(`${options.bucket} returned no id for an upload`);
  }
  try {
    const etags: string[] = [];
    for (let at = 0; at < size; at += options.part_bytes) {
      const body = await readBytes(file, Math.min(options.part_bytes, size - at));
      const query = { partNumber: `${etags.length + 1}`, uploadId };
      const response = await ask("writing a part of", { method: "PUT", query, body });
      await response.body?.cancel();
      etags.push(response.headers.get("etag")!);
    }
    const parts = etags.map((etag, i) =>
      `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`
    );
    const list = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
    const body = new TextEncoder().encode(list);
    const completed = await ask("writing", { method: "POST", query: { uploadId }, body });
    // A failed completion has status 200.
    const said = await firstText(completed);
    if (said.includes("<Error>")) throw new StorageError(`${name} could not be completed: ${said}`);
  } catch (error) {
    // Parts of an abandoned upload would be billed.
    await send(options, { method: "DELETE", name, query: { uploadId } }).catch(() => {});
    throw error;
  }
}

/** Downloads the rest of a file, over as many connections as it takes. */
async function downloadTo(
  name: string,
  path: string,
  max_bytes: number,
  options: S3Options,
): Promise<boolean> {
  using file = await openFile(path, { create: true, write: true });
  let done = (await file.stat()).size;
  return await tries(`reading ${name}`, options, async () => {
    const stalled = new AbortController();
    let timer = setTimeout(() => {}, 0);
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stalled.abort(new Error("no data arrived")), options.stall_ms);
    };
    watch();
    try {
      const headers: Record<string, string> = done > 0 ? { range: `bytes=${done}-` } : {};
      const accept = [404, 416];
      const { signal } = stalled;
      const response = await send(options, { method: "GET", name, headers, accept, signal });
      if (response.status === 404) {
        await refuseMissingBucket(response, options);
        return false;
      }
      if (response.status === 416) { // the file was complete already, or too long
        const whole = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]);
        await response.body?.cancel();
        if (done === whole) return true;
        await file.truncate(done = 0);
        throw new TransientError("the file started with other content");
      }
      if (response.status !== 206) await file.truncate(done = 0);
      await file.seek(done, Deno.SeekMode.Start);
      const whole = done + Number(response.headers.get("content-length") ?? NaN);
      for await (const piece of response.body ?? []) {
        watch();
        for (let n = 0; n < piece.length;) n += await file.write(piece.subarray(n));
        done += piece.length;
        if (done > max_bytes) return true; // damaged, as its digest will tell; it may never end
      }
      if (done < whole) throw new TransientError(`${done} of ${whole} bytes arrived`);
      await file.syncData();
      return true;
    } catch (error) {
      const is_known = error instanceof StorageError || error instanceof TransientError;
      throw is_known ? error : new TransientError(`connection lost (${(error as Error).message})`);
    } finally {
      clearTimeout(timer);
      stalled.abort();
    }
  }, () => done);
}

/** A missing object is an answer; a missing bucket is an error. */
async function refuseMissingBucket(response: Response, { bucket }: S3Options): Promise<void> {
  const text = await firstText(response);
  if (!text.includes("<Code>NoSuchBucket</Code>")) return;
  throw new StorageError(`there is no bucket ${bucket}; create it, or correct --remote`);
}

/** The content of a small object; of a longer one, which is damaged, only the beginning. */
async function bytesOf(response: Response): Promise<Uint8Array> {
  try {
    return await firstBytes(response, MAX_SMALL_BYTES);
  } catch (error) {
    throw new TransientError(`connection lost (${(error as Error).message})`);
  }
}

async function readBytes(file: Deno.FsFile, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(bytes);
  for (let read = 0; read < bytes;) {
    const more = await file.read(all.subarray(read));
    if (more === null) throw new StorageError("a file became shorter during the upload");
    read += more;
  }
  return all;
}

/** Where a bucket is, and the credentials for it. */
interface S3Settings {
  readonly bucket: string;
  /** Put before all names; empty, or ends in a slash. */
  readonly prefix: string;
  /** URL of a server other than Amazon's. */
  readonly endpoint?: string;
  readonly region: string;
  readonly access_key_id: string;
  readonly secret_access_key: string;
  readonly session_token?: string;
  /** A connection without traffic for this long counts as lost. */
  readonly stall_ms: number;
}

interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly name: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Statuses besides 2xx that are not errors. */
  readonly accept?: readonly number[];
  readonly signal?: AbortSignal;
}

/** Slowest upload that is waited for. */
const BYTES_PER_MS = 100;

/** SHA-256 in hex. That of a payload is part of the signature: a server refuses what was damaged in transit. */
function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Sends a request.
 *
 * @throws {TransientError} where another try may help.
 * @throws {StorageError} otherwise, with cause and fix.
 */
async function send(settings: S3Settings, request: S3Request): Promise<Response> {
  const { method, name, query = {}, headers = {}, body, accept = [], signal } = request;
  const url = urlOf(settings, name);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  const signed = await new AwsV4Signer({
    method,
    url: url.href,
    headers: { ...headers, "x-amz-content-sha256": sha256Hex(body ?? new Uint8Array()) },
    body,
    accessKeyId: settings.access_key_id,
    secretAccessKey: settings.secret_access_key,
    sessionToken: settings.session_token,
    service: "s3",
    region: settings.region,
  }).sign();
  const patience = settings.stall_ms + (body?.length ?? 0) / BYTES_PER_MS;
  let response: Response;
  try {
    response = await fetch(signed.url, {
      method,
      headers: signed.headers,
      body,
      signal: signal ?? AbortSignal.timeout(patience),
    });
  } catch (error) {
    throw explainLost(error as Error, url);
  }
  if (response.ok || accept.includes(response.status)) return response;
  throw await explain(response, settings, request);
}

/** Amazon's buckets have their own hosts, except where a dot in the name does not fit the certificate. */
function urlOf({ bucket, prefix, endpoint, region }: S3Settings, name: string): URL {
  const path = `${prefix}${name}`.split("/").map(encodeURIComponent).join("/");
  if (endpoint !== undefined) return new URL(`${endpoint}/${bucket}/${path}`);
  return bucket.includes(".")
    ? new URL(`https://s3.${region}.amazonaws.com/${bucket}/${path}`)
    : new URL(`https://${bucket}.s3.${region}.amazonaws.com/${path}`);
}

function explainLost(error: Error, { host }: URL): Error {
  if (error instanceof Deno.errors.NotCapable) {
    return new StorageError(
      `this process may not connect to ${host}: use deno task pipeline:remote, or add ` +
        `--allow-net=${host} to the options of deno run`,
    );
  }
  let inner: Error = error;
  while (inner.cause instanceof Error) inner = inner.cause;
  return new TransientError(`${host}: ${inner.message.replace(/ for url \(\S*\)/, "")}`);
}

/** The error for an answer. */
async function explain(
  response: Response,
  { bucket, region }: S3Settings,
  { method, name }: S3Request,
): Promise<Error> {
  const { status, headers } = response;
  const text = await firstText(response).catch(() => "");
  const [code, message] = ["Code", "Message"].map((tag) =>
    new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1]
  );
  const said = [status, code, message].filter((part) => part !== undefined).join(", ");
  const passing = [408, 409, 429].includes(status) || status >= 500 && status !== 501;
  if (passing || code === "RequestTimeout" || code === "XAmzContentSHA256Mismatch") {
    return new TransientError(`the server answered ${said}`, askedWait(headers));
  }
  const what = `${method} of ${name} in bucket ${bucket}: the server answered ${said}`;
  const fixes: Readonly<Record<string, string>> = {
    NoSuchBucket: "; create the bucket, or correct --remote",
    AccessDenied: "; the key needs s3:GetObject and s3:PutObject on it",
    InvalidAccessKeyId: "; check AWS_ACCESS_KEY_ID",
    SignatureDoesNotMatch: "; check AWS_SECRET_ACCESS_KEY",
    ExpiredToken: "; get new credentials and run again: what was uploaded stays",
    RequestTimeTooSkewed: "; set this machine's clock",
    PermanentRedirect: `; the bucket is not in ${region}: set AWS_REGION`,
    AuthorizationHeaderMalformed: `; the bucket is not in ${region}: set AWS_REGION`,
    NotImplemented: "; the server must support conditional writes (If-None-Match)",
  };
  return new StorageError(what + (fixes[code ?? ""] ?? ""));
}

function askedWait(headers: Headers): number | undefined {
  const after = headers.get("retry-after");
  return after !== null && /^\d+$/.test(after) ? 1000 * Number(after) : undefined;
}
