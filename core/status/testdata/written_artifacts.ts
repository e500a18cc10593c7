/**
 * The app on a run with every kind of artifact.
 *
 * @module
 */
import { RunFolder } from "../../runs/mod.ts";
import { statusApp } from "../app.ts";
import { withFolder, writeRun } from "./written_run.ts";

export const ARROW_FILE = "application/vnd.apache.arrow.file";
export const ARROW_STREAM = "application/vnd.apache.arrow.stream";
/** Path of the outputs of its task. */
export const MAKE = "/runs/latest/artifacts/make";

export type Get = (path: string, headers?: Record<string, string>) => Promise<Response>;

/** Runs a test with a function that sends requests. */
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
