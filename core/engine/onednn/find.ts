/**
 * Finding oneDNN on this machine.
 *
 * @module
 */
import { DnnlLibrary } from "./library.ts";

/** oneDNN is not there. */
export class OneDnnUnavailable extends Error {
  override name = "OneDnnUnavailable";

  constructor(causes: readonly string[]) {
    super(
      `oneDNN 3 cannot be loaded (${causes.join("; ")}). Install it by ` +
        "`python3 -m venv .venv && .venv/bin/pip install onednn-cpu-gomp==2023.2.0`, or name its libdnnl.so.3 in the " +
        'environment variable CAUSEWAY_ONEDNN, or choose kernels "onnxruntime" and precision "float32"',
    );
  }
}

const FILE = "libdnnl.so.3";

let opened: DnnlLibrary | undefined;

/**
 * Opens the library, once per thread: the file that CAUSEWAY_ONEDNN names, else that of the virtual environment
 * `.venv` in this project's folder, else the system's.
 *
 * @throws {OneDnnUnavailable}
 */
export function openOneDnn(): DnnlLibrary {
  if (opened) return opened;
  const named = Deno.env.get("CAUSEWAY_ONEDNN");
  const own = decodeURIComponent(new URL(`../../../.venv/lib/${FILE}`, import.meta.url).pathname);
  const causes = [];
  for (const path of named ? [named] : [own, FILE]) {
    try {
      return opened = new DnnlLibrary(path);
    } catch (error) {
      causes.push((error as Error).message);
    }
  }
  throw new OneDnnUnavailable(causes);
}
