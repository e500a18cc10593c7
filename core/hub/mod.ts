/**
 * Files of the Hugging Face hub: from an `hf://` URL to files on this machine.
 *
 * @module
 */
export { accessProblem } from "./access.ts";
export { downloadFile } from "./download.ts";
export { HubError } from "./http.ts";
export { compileGlob, formatHubUrl, parseHubUrl } from "./location.ts";
export type { HubFile, HubLocation, HubSnapshot, RepoType } from "./location.ts";
export { hubOptionsFromEnvironment } from "./options.ts";
export type { HubOptions } from "./options.ts";
export { resolveSnapshot } from "./snapshot.ts";
export { snapshotFolder } from "./snapshot_folder.ts";
