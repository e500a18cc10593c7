/**
 * Where named datasets lie on this machine.
 *
 * @module
 */
import { resolve } from "node:path";
import { UsageError } from "./console.ts";

/** Read by the dataset cards, in every thread. */
const VARIABLE = "CAUSEWAY_DATA_ROOT";

/**
 * Makes named datasets come from a folder. Not part of any config: what matters for a result is the content of the
 * files, whose digests are.
 *
 * @param folder of `--data-root`; undefined leaves things as the environment has them.
 * @throws {UsageError} when there is no such folder.
 */
export function useDataRoot(folder: string | undefined): void {
  if (folder === undefined) return;
  let is_folder = false;
  try {
    is_folder = folder !== "" && Deno.statSync(folder).isDirectory;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (!is_folder) throw new UsageError(`--data-root ${folder} is not a folder`);
  Deno.env.set(VARIABLE, resolve(folder));
}
