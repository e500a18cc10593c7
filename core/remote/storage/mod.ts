/**
 * Storage shared between machines: a folder, or an S3 bucket.
 *
 * @module
 */
export { openStorage } from "./open.ts";
export { Remote } from "./remote.ts";
export { type S3Options, s3Storage } from "./s3.ts";
export { folderStorage, type Storage, StorageError } from "./storage.ts";
