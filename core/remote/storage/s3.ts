/**
 * A bucket of S3, or of a server that speaks its protocol, as shared storage.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { PassingError, retrying, type RetryOptions } from "./retry.ts";
import { type S3Request, type S3Settings, send, sha256Hex } from "./s3_client.ts";
import { type Storage, StorageError } from "./storage.ts";

export interface S3Options extends S3Settings, RetryOptions {
  /** Files above this size are sent in parts of it; each is held in memory. At least 5 MiB, at most 10,000 parts. */
  readonly part_bytes: number;
}

const OK_OR_NONE = { accept: [404] };

export function s3Storage(url: string, options: S3Options): Storage {
  const ask = (task: string, request: S3Request) =>
    retrying(`${task} ${request.name}`, options, () => send(options, request));

  return {
    url,
    async read(name) {
      return await retrying(`reading ${name}`, options, async () => {
        const response = await send(options, { method: "GET", name, ...OK_OR_NONE });
        if (response.status !== 404) return await bytesOf(response);
        await refuseMissingBucket(response, options);
        return undefined;
      });
    },
    async create(name, content) {
      const headers = { "if-none-match": "*", ...checksum(sha256Hex(content)) };
      const response = await ask("writing", {
        ...{ method: "PUT", name, headers, body: content, accept: [412] },
      });
      await response.body?.cancel();
      return response.status !== 412;
    },
    async has(name) {
      const response = await ask("looking for", { method: "HEAD", name, ...OK_OR_NONE });
      return response.status !== 404;
    },
    async upload(name, path, sha256) {
      using file = await Deno.open(path);
      const { size } = await file.stat();
      if (size > options.part_bytes) return await uploadParts(name, file, size, options);
      const body = await readBytes(file, size);
      const response = await ask("writing", {
        method: "PUT",
        name,
        headers: checksum(sha256),
        body,
      });
      await response.body?.cancel();
    },
    download: (name, path) => downloadTo(name, path, options),
  };
}

/** S3 compares it with what arrived, keeps it, and gives it to whoever asks. */
function checksum(sha256_hex: string): Record<string, string> {
  return { "x-amz-checksum-sha256": Buffer.from(sha256_hex, "hex").toString("base64") };
}

/** Multipart upload: the object appears when it is completed. */
async function uploadParts(name: string, file: Deno.FsFile, size: number, options: S3Options) {
  const ask = (task: string, request: Omit<S3Request, "name">) =>
    retrying(`${task} ${name}`, options, () => send(options, { ...request, name }));
  const begun = await (await ask("writing", { method: "POST", query: { uploads: "" } })).text();
  const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(begun)?.[1];
  if (uploadId === undefined) throw new StorageError(`${options.bucket} gave no id for an upload`);
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
    const body = new TextEncoder().encode(
      `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`,
    );
    const completed = await ask("writing", { method: "POST", query: { uploadId }, body });
    // A failure of the last step comes with status 200.
    const said = await completed.text();
    if (said.includes("<Error>")) throw new StorageError(`${name} could not be completed: ${said}`);
  } catch (error) {
    // Parts of an upload that is given up would be paid for.
    await send(options, { method: "DELETE", name, query: { uploadId } }).catch(() => {});
    throw error;
  }
}

/** Brings a file to its full length, over as many connections as it takes. */
async function downloadTo(name: string, path: string, options: S3Options): Promise<boolean> {
  using file = await Deno.open(path, { create: true, write: true });
  let done = (await file.stat()).size;
  return await retrying(`reading ${name}`, options, async () => {
    const stalled = new AbortController();
    let timer = setTimeout(() => {}, 0);
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stalled.abort(new Error("nothing came")), options.stall_ms);
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
      if (response.status === 416) { // all of it was there, or more
        const whole = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]);
        await response.body?.cancel();
        if (done === whole) return true;
        await file.truncate(done = 0);
        throw new PassingError("the file began with other content");
      }
      if (response.status !== 206) await file.truncate(done = 0);
      await file.seek(done, Deno.SeekMode.Start);
      const whole = done + Number(response.headers.get("content-length") ?? NaN);
      for await (const piece of response.body ?? []) {
        watch();
        for (let n = 0; n < piece.length;) n += await file.write(piece.subarray(n));
        done += piece.length;
      }
      if (done < whole) throw new PassingError(`${done} of ${whole} bytes came`);
      await file.syncData();
      return true;
    } catch (error) {
      const is_known = error instanceof StorageError || error instanceof PassingError;
      throw is_known
        ? error
        : new PassingError(`the connection was lost (${(error as Error).message})`);
    } finally {
      clearTimeout(timer);
      stalled.abort();
    }
  }, () => done);
}

/** Nothing of that name is an answer; no bucket is a mistake. */
async function refuseMissingBucket(response: Response, { bucket }: S3Options): Promise<void> {
  const text = await response.text();
  if (!text.includes("<Code>NoSuchBucket</Code>")) return;
  throw new StorageError(`there is no bucket ${bucket}; make it, or mend --remote`);
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  try {
    return await response.bytes();
  } catch (error) {
    throw new PassingError(`the connection was lost (${(error as Error).message})`);
  }
}

async function readBytes(file: Deno.FsFile, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(bytes);
  for (let read = 0; read < bytes;) {
    const more = await file.read(all.subarray(read));
    if (more === null) throw new StorageError("a file became shorter while it was sent");
    read += more;
  }
  return all;
}
