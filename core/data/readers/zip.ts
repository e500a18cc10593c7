/**
 * Text files inside a ZIP archive.
 *
 * @module
 */
import { unzipSync } from "fflate";

export interface ArchivedFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads the files of an archive whose paths pass a test, sorted by path, decoded as UTF-8.
 *
 * The archive is unpacked file by file in memory, so this is for archives of some megabytes.
 *
 * @param archive name of the archive, for messages.
 * @throws {Error} for a damaged archive or a file that is not UTF-8.
 */
export function* readZip(
  bytes: Uint8Array,
  archive: string,
  accept: (path: string) => boolean,
): Generator<ArchivedFile> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, { filter: (file) => accept(file.name) });
  } catch (error) {
    throw new Error(`${archive} is not a readable ZIP archive (${(error as Error).message})`);
  }
  for (const path of Object.keys(files).sort()) {
    let text: string;
    try {
      text = decoder.decode(files[path]);
    } catch {
      throw new Error(`${archive}: "${path}" is not UTF-8 text`);
    }
    yield { path, text };
  }
}
