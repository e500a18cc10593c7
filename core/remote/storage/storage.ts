/**
 * The contract of shared storage: a few operations on names and bytes.
 *
 * @module
 */

/** A place that several machines can reach. Each operation retries by itself where that may help. */
export interface Storage {
  /** As the user wrote it, for messages. */
  readonly url: string;
  /**
   * Content of a small object.
   *
   * @returns undefined when the name does not exist.
   */
  read(name: string): Promise<Uint8Array | undefined>;
  /**
   * Writes a small object, unless the name is taken. Of several concurrent writers, one succeeds.
   *
   * @returns whether it was written.
   */
  create(name: string, content: Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** Whether the name exists. */
  has(name: string): Promise<boolean>;
  /**
   * Stores a file, completely or not at all. Replaces what had the name before.
   *
   * @param sha256 of its content, in hex, with which the storage verifies what arrives.
   */
  upload(name: string, path: string, sha256: string): Promise<void>;
  /**
   * Writes content to a local file. It may be damaged: a caller that knows the digest has to compare it.
   *
   * @param path may already have the beginning of the content, which is kept.
   * @returns whether the name exists.
   */
  download(name: string, path: string): Promise<boolean>;
}

/** A storage operation failed. */
export class StorageError extends Error {
  override name = "StorageError";
}
