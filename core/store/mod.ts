/**
 * Content-addressed artifacts: the one Arrow codec, blobs, manifests, keys, checkpoints.
 *
 * @module
 */
export type { Artifact, FileEntry, StoredObject } from "./artifact.ts";
export { artifactObjects, FILE_COLUMNS, fileEntries } from "./artifact.ts";
export {
  commit,
  readIfPresent,
  removeIfPresent,
  syncFolder,
  writeAll,
  writeAtomic,
} from "./atomic.ts";
export { canonicalJson, sha256 } from "./canonical.ts";
export type { Json } from "./canonical.ts";
export { StoredCheckpoints } from "./checkpoints.ts";
export { openFiles, StoredFilesOutput } from "./files_io.ts";
export { findLeftovers, removeLeftovers } from "./gc.ts";
export type { InUse, Leftover } from "./gc.ts";
export { artifactKey, formatManifest, MANIFEST_FORMAT, parseManifest } from "./manifest.ts";
export type { Identity, InputDigests, Manifest } from "./manifest.ts";
export { digestOfFile, listFolder, listFolders, ObjectWriter, Store } from "./store.ts";
export type { Problem } from "./store.ts";
export { openTable, StoredTableOutput } from "./table_io.ts";
