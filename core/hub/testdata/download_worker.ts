/**
 * A worker that looks a revision up and downloads a file, as a step's worker does.
 *
 * @module
 */
import { downloadFile, type HubFile, type HubOptions, resolveSnapshot } from "../mod.ts";

/** What the worker is told. */
export interface Job {
  readonly repo: string;
  readonly file: HubFile;
  readonly options: HubOptions;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Job>) => void;
  postMessage(path: string): void;
};

scope.onmessage = async ({ data: { repo, file, options } }) => {
  const sleep = () => Promise.resolve();
  const snapshot = await resolveSnapshot({ repo, revision: "other" }, options);
  scope.postMessage(await downloadFile(snapshot, file, { ...options, sleep }));
};
