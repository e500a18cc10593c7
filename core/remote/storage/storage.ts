/**
 * The contract of shared storage, a few operations on names and bytes; and a folder as the simplest storage.
 *
 * @module
 */
import { openFile } from "../../words/mod.ts";
import { dirname, join } from "node:path";
import { removeIfPresent, syncFolder } from "../../store/mod.ts";

/** A place that several machines can reach. Each operation retries by itself where that may help. */
export interface Storage {
  /** As the user wrote it, for messages. */
  readonly url: string;
  /**
   * Content of a small object.
   *
   * @returns undefined when the name does not exist.
   */
  read(name: string): Promise<Uint8Array | undefined>;
  /**
   * Writes a small object, unless the name is taken. Of several concurrent writers, one succeeds.
   *
   * @returns whether it was written.
   */
  create(name: string, content: Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** Whether the name exists. */
  has(name: string): Promise<boolean>;
  /**
   * Stores a file, completely or not at all. Replaces what had the name before.
   *
   * @param sha256 of its content, in hex, with which the storage verifies what arrives.
   */
  upload(name: string, path: string, sha256: string): Promise<void>;
  /**
   * Writes content to a local file. It may be damaged: a caller that knows the digest has to compare it.
   *
   * @param path may already have the beginning of the content, which is kept.
   * @param max_bytes size of the content; more is damage, and need not be read.
   * @returns whether the name exists.
   */
  download(name: string, path: string, max_bytes?: number): Promise<boolean>;
}

/** A storage operation failed. */
export class StorageError extends Error {
  override name = "StorageError";
}

/** @param root the folder; created on the first write. */
export function folderStorage(root: string, url = root): Storage {
  const pathOf = (name: string) => join(root, ...name.split("/"));
  /** Writes a temporary file and puts it in place with `how`. */
  const place = async (
    name: string,
    write: (temporary: string) => Promise<void>,
    how: (temporary: string, path: string) => Promise<void>,
  ) => {
    const path = pathOf(name), temporary = `${path}.${crypto.randomUUID()}.tmp`;
    await Deno.mkdir(dirname(path), { recursive: true });
    try {
      await write(temporary);
      using file = await openFile(temporary);
      await file.sync();
      await how(temporary, path);
      syncFolder(dirname(path));
    } finally {
      removeIfPresent(temporary);
    }
  };
  return {
    url,
    read: (name) => orUndefined(() => Deno.readFile(pathOf(name))),
    async create(name, content) {
      try {
        // A link, unlike a rename, does not replace.
        await place(name, (temporary) => Deno.writeFile(temporary, content), Deno.link);
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.AlreadyExists) return false;
        throw error;
      }
    },
    has: async (name) => await orUndefined(() => Deno.stat(pathOf(name))) !== undefined,
    upload: (name, path) => place(name, (temporary) => Deno.copyFile(path, temporary), Deno.rename),
    async download(name, path) {
      const found = await orUndefined(() => Deno.copyFile(pathOf(name), path).then(() => true));
      if (found) await Deno.chmod(path, 0o644);
      return found ?? false;
    },
  };
}

async function orUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
