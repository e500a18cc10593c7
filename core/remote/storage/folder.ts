/**
 * A folder as shared storage: a network file system, a portable disk.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { removeIfPresent, syncFolder } from "../../store/mod.ts";
import type { Storage } from "./storage.ts";

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
      using file = await Deno.open(temporary);
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
