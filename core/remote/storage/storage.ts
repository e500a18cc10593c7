/**
 * Shared storage behind the local store: a few verbs over names and bytes.
 *
 * @module
 */

/** A place that several machines can reach. Every verb tries again by itself where that may help. */
export interface Storage {
  /** As the user wrote it, for messages. */
  readonly url: string;
  /**
   * Content of something small.
   *
   * @returns undefined when there is nothing of that name.
   */
  read(name: string): Promise<Uint8Array | undefined>;
  /**
   * Writes something small, unless the name is taken. Of several that write at once, one succeeds.
   *
   * @returns whether it was written.
   */
  create(name: string, content: Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** Whether there is something of that name. */
  has(name: string): Promise<boolean>;
  /**
   * Stores a file whole or not at all. What had the name before is replaced.
   *
   * @param sha256 of its content, in hex, by which the storage makes sure of what arrives.
   */
  upload(name: string, path: string, sha256: string): Promise<void>;
  /**
   * Writes content to a file of this machine. It may have been damaged: whoever knows its digest compares it.
   *
   * @param path may hold the beginning of the content, which is kept.
   * @returns whether there was something of that name.
   */
  download(name: string, path: string): Promise<boolean>;
}

/** Storage could not do what was asked for. */
export class StorageError extends Error {
  override name = "StorageError";
}
