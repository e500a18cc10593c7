/**
 * The app over a run that made every kind of artifact.
 *
 * @module
 */
import { RunFolder } from "../../runs/mod.ts";
import { statusApp } from "../app.ts";
import { withFolder, writeRun } from "./written_run.ts";

export const ARROW_FILE = "application/vnd.apache.arrow.file";
export const ARROW_STREAM = "application/vnd.apache.arrow.stream";
/** Where the outputs of its step are. */
export const MAKE = "/runs/latest/artifacts/make";

export type Get = (path: string, headers?: Record<string, string>) => Promise<Response>;

/** Runs a test with a way to ask. */
export function withArtifacts(use: (get: Get, out: string) => Promise<void>): Promise<void> {
  return withFolder(async (out) => {
    await writeRun(out);
    const app = statusApp({ runs: new RunFolder(out), out });
    const get: Get = async (path, headers = {}) => {
      return await app.request(path, { headers: { host: "localhost", ...headers } });
    };
    await use(get, out);
  });
}
