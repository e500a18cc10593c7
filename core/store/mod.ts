/**
 * Content-addressed artifacts: the one Arrow codec, blobs, manifests, keys, checkpoints.
 *
 * @module
 */
export type { Artifact, FileEntry, StoredObject } from "./artifact.ts";
export { artifactObjects, FILE_COLUMNS, fileEntries, tableObjects } from "./artifact.ts";
export {
  commit,
  makeFolder,
  readIfPresent,
  readPart,
  removeIfPresent,
  syncFile,
  syncFolder,
  writeAll,
  writeAtomic,
} from "./atomic.ts";
export { StoredCheckpoints } from "./checkpoints.ts";
export { findLeftovers, foldersLeft, removeLeftovers } from "./gc.ts";
export type { InUse, Leftover } from "./gc.ts";
export {
  artifactKey,
  canonicalJson,
  formatManifest,
  MANIFEST_FORMAT,
  parseManifest,
  sha256,
} from "./manifest.ts";
export type { Identity, InputDigests, Json, Manifest } from "./manifest.ts";
export { listFolder, listFolders, ObjectWriter, Store } from "./store.ts";
export type { Problem } from "./store.ts";
export { abandonedFolders, PartialFolder } from "./partial_folder.ts";
export { digestOfFile, VerifiedFiles } from "./verified_files.ts";
export type { Verification, VerifiedFilesOptions } from "./verified_files.ts";
export {
  openArtifact,
  openFiles,
  openTable,
  StoredFilesOutput,
  StoredTableOutput,
  tablePaths,
} from "./artifact_io.ts";
