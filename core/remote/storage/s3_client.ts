/**
 * Signed requests to S3 and what speaks its protocol.
 *
 * @module
 */
import { AwsV4Signer } from "aws4fetch";
import { createHash } from "node:crypto";
import { PassingError } from "./retry.ts";
import { StorageError } from "./storage.ts";

/** Where a bucket is, and who asks. */
export interface S3Settings {
  readonly bucket: string;
  /** Before all names; empty, or with a slash at its end. */
  readonly prefix: string;
  /** URL of another server than Amazon's. */
  readonly endpoint?: string;
  readonly region: string;
  readonly access_key_id: string;
  readonly secret_access_key: string;
  readonly session_token?: string;
  /** A connection on which nothing moves for so long counts as lost. */
  readonly stall_ms: number;
}

export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly name: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Statuses to hand to the caller beside 2xx. */
  readonly accept?: readonly number[];
  readonly signal?: AbortSignal;
}

/** Slower than this nobody should have to upload. */
const BYTES_PER_MS = 100;

/** SHA-256 in hex: of a payload it is part of the signature, so that a server refuses what was damaged on its way. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Sends a request.
 *
 * @throws {PassingError} where another try may help.
 * @throws {StorageError} otherwise, with cause and mend.
 */
export async function send(settings: S3Settings, request: S3Request): Promise<Response> {
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

/** Amazon's buckets have hosts of their own, but where a dot in the name does not fit their certificate. */
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
      `this process may not reach ${host}: use deno task pipeline:remote, or add ` +
        `--allow-net=${host} to the options of deno run`,
    );
  }
  let inner: Error = error;
  while (inner.cause instanceof Error) inner = inner.cause;
  return new PassingError(`${host}: ${inner.message.replace(/ for url \(\S*\)/, "")}`);
}

/** The error that an answer stands for. */
async function explain(
  response: Response,
  { bucket, region }: S3Settings,
  { method, name }: S3Request,
): Promise<Error> {
  const { status, headers } = response;
  const text = (await response.text().catch(() => "")).slice(0, 1 << 16);
  const [code, message] = ["Code", "Message"].map((tag) =>
    new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1]
  );
  const said = [status, code, message].filter((part) => part !== undefined).join(", ");
  const passing = [408, 409, 429].includes(status) || status >= 500 && status !== 501;
  if (passing || code === "RequestTimeout" || code === "XAmzContentSHA256Mismatch") {
    return new PassingError(`the server answered ${said}`, askedWait(headers));
  }
  const what = `${method} of ${name} in bucket ${bucket}: the server answered ${said}`;
  const mends: Readonly<Record<string, string>> = {
    NoSuchBucket: "; make the bucket, or mend --remote",
    AccessDenied: "; the key needs s3:GetObject and s3:PutObject on it",
    InvalidAccessKeyId: "; mend AWS_ACCESS_KEY_ID",
    SignatureDoesNotMatch: "; mend AWS_SECRET_ACCESS_KEY",
    ExpiredToken: "; fetch new credentials and run again: what is there stays",
    RequestTimeTooSkewed: "; set this machine's clock",
    PermanentRedirect: `; the bucket is not in ${region}: set AWS_REGION`,
    AuthorizationHeaderMalformed: `; the bucket is not in ${region}: set AWS_REGION`,
    NotImplemented: "; conditional writes (If-None-Match) are needed",
  };
  return new StorageError(what + (mends[code ?? ""] ?? ""));
}

function askedWait(headers: Headers): number | undefined {
  const after = headers.get("retry-after");
  return after !== null && /^\d+$/.test(after) ? 1000 * Number(after) : undefined;
}
