/**
 * Shared storage behind the local store: a folder, or a bucket of S3.
 *
 * @module
 */
export { folderStorage } from "./folder.ts";
export { openStorage } from "./open.ts";
export { Remote } from "./remote.ts";
export { type S3Options, s3Storage } from "./s3.ts";
export { type Storage, StorageError } from "./storage.ts";
