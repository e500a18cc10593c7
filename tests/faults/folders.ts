/**
 * Output folders on disks that are small, full or may not be written to.
 *
 * @module
 */
import { join } from "node:path";

/** Calls a function with a new folder, and removes it. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "causeway_faults_" });
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function command(name: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(name, { args }).outputSync();
  if (!success) throw new Error(`${name}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Puts a disk in memory, of so many bytes, in a folder's place; gives a function that takes it away again. */
export function mountDisk(folder: string, bytes: number): () => void {
  command("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder);
  return () => command("umount", "--lazy", folder);
}

/** Calls a function with a folder on a disk of its own. */
export function withSmallDisk<T>(bytes: number, use: (folder: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const unmount = mountDisk(folder, bytes);
    try {
      return await use(folder);
    } finally {
      unmount();
    }
  });
}

const PAGE = 4096;

/** Fills the disk of a folder but for some pages of 4,096 bytes; gives a function that makes room again. */
export function fillDisk(folder: string, free_pages: number): () => void {
  const path = join(folder, "ballast");
  using file = Deno.openSync(path, { write: true, create: true });
  let pages = 0;
  try {
    for (const page = new Uint8Array(PAGE); file.writeSync(page) === PAGE;) pages++;
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOSPC") throw error;
  }
  file.truncateSync(Math.max(0, pages - free_pages) * PAGE);
  return () => Deno.removeSync(path);
}

/**
 * Takes away the permission to write to a folder, from root too; gives a function that gives it back.
 *
 * @throws {Error} when the system has no means to keep root out.
 */
export function forbidWriting(folder: string): () => void {
  if (Deno.uid() === 0) {
    command("chattr", "+i", folder);
    return () => command("chattr", "-i", folder);
  }
  const mode = Deno.statSync(folder).mode!;
  Deno.chmodSync(folder, 0o555);
  return () => Deno.chmodSync(folder, mode);
}

/** Calls a function with a read-only view of a folder. */
export function withReadOnly<T>(folder: string, use: (view: string) => Promise<T>): Promise<T> {
  return withFolder(async (view) => {
    command("mount", "--bind", folder, view);
    try {
      command("mount", "-o", "remount,bind,ro", view);
      return await use(view);
    } finally {
      command("umount", "--lazy", view);
    }
  });
}

/** Why tests that need a mount cannot run here; undefined where they can. */
export async function whyNoMount(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "mounts a disk in memory, as only Linux can";
  try {
    await withSmallDisk(PAGE, () => Promise.resolve());
  } catch (error) {
    return `may not mount a disk (${(error as Error).message})`;
  }
}

/** Why tests that take a permission away cannot run here; undefined where they can. */
export async function whyNoForbidding(): Promise<string | undefined> {
  if (Deno.build.os === "windows") return "takes write permission away, as Unix does";
  try {
    await withFolder((folder) => Promise.resolve(forbidWriting(folder)()));
  } catch (error) {
    return `cannot take a permission away from root (${(error as Error).message})`;
  }
}

/** `Deno.test`, for tests that cannot run everywhere: the reason stands behind the name of one that is skipped. */
export function testWhere(why_not: string | undefined) {
  return (name: string, test: () => Promise<void>) =>
    Deno.test({
      name: why_not === undefined ? name : `${name} (skipped: ${why_not})`,
      ignore: why_not !== undefined,
      fn: test,
    });
}
