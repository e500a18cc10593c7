/**
 * Text files and records inside a ZIP archive.
 *
 * @module
 */
import { configure, type FileEntry, Reader, Uint8ArrayReader, ZipReader } from "@zip.js/zip.js";
import { expand } from "./decompress.ts";
import { FileBytes } from "./file_bytes.ts";
import { formatOfEntry } from "./formats.ts";
import { readJsonBytes, readJsonLines } from "./jsonl.ts";
import { checkExpansion, type Limits, StreamFault } from "./limits.ts";
import { type DataRecord, messageOf, Reading } from "./reading.ts";
import { readText } from "./text_files.ts";

// Workers would only add the cost of handing bytes over, and outlive the reading.
configure({ useWebWorkers: false });

export interface ArchivedFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads the files of an archive whose paths pass a test, sorted by path, decoded as UTF-8, one at a time.
 *
 * @param source the archive's bytes or path.
 * @param archive name of the archive, for messages.
 * @throws {Error} for a damaged, encrypted or outsized archive or entry, a path that leads out of the
 *   archive, and a file that is not UTF-8.
 */
export async function* readZip(
  source: Uint8Array | string,
  archive: string,
  accept: (path: string) => boolean,
): AsyncGenerator<ArchivedFile> {
  const reading = new Reading();
  using bytes = typeof source === "string" ? new FileBytes(source) : undefined;
  const reader = bytes === undefined
    ? new Uint8ArrayReader(source as Uint8Array)
    : fileReader(bytes);
  for (const entry of await listEntries(reader, archive)) {
    if (!accept(entry.filename)) continue;
    const chunks = expandEntry(entry, reading.limits);
    for await (const { value } of readText(chunks, `${archive}/${entry.filename}`, "", reading)) {
      yield { path: entry.filename, text: value.text as string };
    }
  }
}

/**
 * Streams the records of an archive's entries, sorted by path: those of JSON Lines and JSON entries, and
 * `{ path, text }` of text and source files. Other entries are passed over.
 */
export async function* readZipRecords(path: string, reading: Reading): AsyncGenerator<DataRecord> {
  using bytes = new FileBytes(path);
  let entries: FileEntry[];
  try {
    entries = await listEntries(fileReader(bytes), path);
  } catch (error) {
    return reading.fault(messageOf(error));
  }
  let readable = 0;
  for (const entry of entries) {
    reading.throwIfAborted();
    const format = formatOfEntry(entry.filename);
    if (format === undefined) continue;
    readable++;
    const file = `${path}/${entry.filename}`;
    const chunks = expand(expandEntry(entry, reading.limits), entry.filename, reading);
    if (format === "jsonl") yield* readJsonLines(chunks, file, reading);
    else if (format === "json") yield* readJsonBytes(chunks, file, reading);
    else yield* readText(chunks, file, entry.filename, reading);
  }
  if (readable === 0) reading.fault(`${path}: holds no text, source or JSON file`);
}

/** The files of an archive, once every path in it is known to stay inside. */
async function listEntries(
  reader: Reader<unknown>,
  archive: string,
): Promise<FileEntry[]> {
  const files: FileEntry[] = [];
  try {
    for await (const entry of new ZipReader(reader).getEntriesGenerator()) {
      if (leadsOut(entry.filename)) throw new UnsafePath(entry.filename);
      if (!entry.directory) files.push(entry as FileEntry);
    }
  } catch (error) {
    const unsafe = (error as { filename?: string }).filename;
    throw new Error(
      unsafe === undefined
        ? `${archive} is not a readable ZIP archive (${messageOf(error)}); fetch or write it again`
        : `${archive}: entry ${
          JSON.stringify(unsafe)
        } is refused, its path leads out of the archive`,
    );
  }
  return files.sort((a, b) => (a.filename < b.filename ? -1 : 1));
}

class UnsafePath extends Error {
  constructor(readonly filename: string) {
    super(`unsafe path ${filename}`);
  }
}

/** Backslashes are refused whole: one system's file name is the other's path. */
function leadsOut(path: string): boolean {
  return /^\/|^[a-z]:|\\|\0/i.test(path) || path.split("/").includes("..");
}

/** Streams the bytes of an entry; its checksum is compared at the end. */
async function* expandEntry(entry: FileEntry, limits: Limits): AsyncGenerator<Uint8Array> {
  if (entry.encrypted) throw new StreamFault("is encrypted; unpack the archive first");
  checkExpansion(limits, entry.compressedSize, entry.uncompressedSize);
  let fail = (_error: unknown) => {};
  const pipe = new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => void (fail = (error) => controller.error(error)),
  });
  entry.getData(pipe.writable, { checkCrc32: true, checkOverlappingEntry: true }).catch(fail);
  let expanded = 0;
  const chunks = pipe.readable[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await chunks.next().catch((error) => {
        throw new StreamFault(`cannot be unpacked (${messageOf(error)}); fetch the archive again`);
      });
      if (next.done) return;
      expanded += next.value.length;
      checkExpansion(limits, entry.compressedSize, expanded);
      yield next.value;
    }
  } finally {
    await chunks.return?.().catch(() => {});
  }
}

/** Lets the library read a file at any place. */
function fileReader(bytes: FileBytes): Reader<unknown> {
  return new class extends Reader<FileBytes> {
    override size = bytes.size;
    override readUint8Array(index: number, length: number): Promise<Uint8Array> {
      return Promise.resolve(bytes.read(index, Math.min(index + length, bytes.size)));
    }
  }(bytes);
}
