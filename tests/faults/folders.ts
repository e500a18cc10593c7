/**
 * Output folders on disks that are small, full or read-only.
 *
 * @module
 */
import { join } from "node:path";
import { withFolder } from "../shared/commands.ts";

function command(name: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(name, { args }).outputSync();
  if (!success) throw new Error(`${name}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Mounts a disk in memory (tmpfs) of some size at a folder. @returns a function that unmounts it. */
export function mountDisk(folder: string, bytes: number): () => void {
  command("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder);
  return () => command("umount", "--lazy", folder);
}

/** Calls a function with a folder on a disk in memory. */
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

/** Calls a function with a folder in memory, where flushing takes no time, or on the disk if none can be mounted. */
export async function withFastFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  return await whyNoMount() ? await withFolder(use) : await withSmallDisk(1 << 30, use);
}

const PAGE = 4096;

/** Fills the disk of a folder except some pages of 4,096 bytes. @returns a function that frees the space. */
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
 * Makes a folder read-only, also for root.
 *
 * @returns a function that restores the permission.
 * @throws {Error} if the system cannot deny root.
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

/** Why tests that need a mount cannot run here; undefined if they can. */
export async function whyNoMount(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "needs Linux to mount a disk in memory";
  try {
    await withSmallDisk(PAGE, () => Promise.resolve());
  } catch (error) {
    return `no permission to mount a disk (${(error as Error).message})`;
  }
}

/** Why tests that remove a permission cannot run here; undefined if they can. */
export async function whyNoForbidding(): Promise<string | undefined> {
  if (Deno.build.os === "windows") return "needs Unix permissions";
  try {
    await withFolder((folder) => Promise.resolve(forbidWriting(folder)()));
  } catch (error) {
    return `cannot remove a permission of root (${(error as Error).message})`;
  }
}

/** `Deno.test` for tests that cannot run everywhere: the name of a skipped test has the reason. */
export function testWhere(why_not: string | undefined) {
  return (name: string, test: () => Promise<void>) =>
    Deno.test({
      name: why_not === undefined ? name : `${name} (skipped: ${why_not})`,
      ignore: why_not !== undefined,
      fn: test,
    });
}
