/**
 * Storage by URL.
 *
 * @module
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { s3Storage } from "./s3.ts";
import { folderStorage, type Storage, StorageError } from "./storage.ts";

const PART_BYTES = 32 * 2 ** 20;
const S3_URL = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/;

/** Looks a variable up; empty counts as unset. */
type Environment = (name: string) => string | undefined;

/**
 * Opens shared storage, without a request yet.
 *
 * @param url "s3://bucket/prefix", "file:///folder", or a path. S3 is configured with the variables of its own tools:
 *   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL.
 * @param log called with a line about each retry.
 * @throws {StorageError} when the URL has another form, or credentials are missing.
 */
export function openStorage(
  url: string,
  log: (message: string) => void = () => {},
  variable: Environment = (name) => Deno.env.get(name),
): Storage {
  const protocol = /^([a-z][a-z0-9+.-]+):/.exec(url)?.[1];
  if (protocol === undefined) return folderStorage(resolve(url), url);
  if (protocol === "file") return folderStorage(fileURLToPath(url), url);
  if (protocol !== "s3") {
    throw new StorageError(`invalid storage "${url}"; use s3://bucket/prefix or a folder`);
  }
  const [, bucket, path = ""] = S3_URL.exec(url) ?? [];
  if (bucket === undefined) {
    throw new StorageError(`"${url}" has no valid bucket name; use s3://bucket/prefix`);
  }
  const get: Environment = (name) => variable(name) || undefined;
  const need = (name: string) => {
    const value = get(name);
    if (value !== undefined) return value;
    throw new StorageError(
      `${url} needs ${name}; with the AWS command line: ` +
        'eval "$(aws configure export-credentials --format env)"',
    );
  };
  const endpoint = get("AWS_ENDPOINT_URL_S3") ?? get("AWS_ENDPOINT_URL");
  if (endpoint !== undefined && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new StorageError(`AWS_ENDPOINT_URL "${endpoint}" is not an http URL`);
  }
  const prefix = path.replace(/^\/+|\/+$/g, "");
  return s3Storage(url, {
    bucket,
    prefix: prefix === "" ? "" : `${prefix}/`,
    endpoint: endpoint?.replace(/\/+$/, ""),
    region: get("AWS_REGION") ?? get("AWS_DEFAULT_REGION") ?? "us-east-1",
    access_key_id: need("AWS_ACCESS_KEY_ID"),
    secret_access_key: need("AWS_SECRET_ACCESS_KEY"),
    session_token: get("AWS_SESSION_TOKEN"),
    part_bytes: PART_BYTES,
    stall_ms: 60_000,
    retries: 5,
    pause_ms: 500,
    log,
  });
}
