/**
 * Text files and records inside a ZIP archive.
 *
 * @module
 */
import { configure, type FileEntry, Reader, Uint8ArrayReader, ZipReader } from "@zip.js/zip.js";
import { contentOf } from "./content.ts";
import { expand, withoutCompression } from "./decompress.ts";
import { FileBytes } from "./file_bytes.ts";
import {
  checkExpansion,
  type DataRecord,
  type Format,
  hasEnding,
  type Limits,
  messageOf,
  Reading,
  StreamFault,
  type StreamFormat,
} from "./reading.ts";
import { selectFiles } from "./select_files.ts";
import { text } from "./text.ts";

// Workers would only add the cost of passing bytes to them, and would outlive the reading.
configure({ useWebWorkers: false });

/**
 * ZIP archives, whose entries are selected and assigned to splits like the files of a folder, and read in the order of
 * their paths.
 *
 * @param formats formats that entries may have.
 */
export function zipOf(formats: Readonly<Record<string, StreamFormat>>): Format {
  const names = Object.keys(formats);
  const formatOf = (path: string) =>
    names.find((name) => hasEnding(withoutCompression(path), formats[name].endings)) ??
      names.find((name) => hasEnding(path, formats[name].archive_endings));
  return {
    endings: [".zip"],
    record: "a record of an entry that is text, source code, JSON or CSV",
    readFile: (path, reading) => readEntries(path, formats, formatOf, reading),
  };
}

async function* readEntries(
  path: string,
  formats: Readonly<Record<string, StreamFormat>>,
  formatOf: (path: string) => string | undefined,
  reading: Reading,
): AsyncGenerator<DataRecord> {
  using bytes = new FileBytes(path);
  let entries: Entry[];
  try {
    entries = await listEntries(fileReader(bytes), path);
  } catch (error) {
    const found = contentOf(bytes, "PK\x03\x04");
    return reading.fault(found === undefined ? messageOf(error) : `${path} ${found}`);
  }
  const selection = selectFiles(entries.map(({ name }) => name), {
    where: path,
    formatOf,
    ...(reading.wanted_split && { split: reading.wanted_split }),
  });
  selection.passed_over.forEach((why, name) => reading.passOver(`${path}/${name}`, why));
  const by_name = new Map(entries.map(({ name, entry }) => [name, entry]));
  for (const { name, split } of selection.files) {
    reading.throwIfAborted();
    const chunks = expand(expandEntry(by_name.get(name)!, reading.limits), name, reading);
    const format = formats[formatOf(name)!];
    for await (const record of format.readStream(chunks, `${path}/${name}`, reading, name)) {
      yield split === undefined ? record : { ...record, split };
    }
  }
  if (selection.files.length === 0) {
    reading.fault(`${path}: no entry is text, source code, JSON or CSV`);
  }
}

export interface ArchivedFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads the files of an archive whose paths pass a test, sorted by path, decoded as UTF-8, one at a time.
 *
 * @param source the archive's bytes or path.
 * @param archive name of the archive, for messages.
 * @throws {Error} for a damaged, encrypted or oversized archive or entry, a path that leads out of the
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
  for (const { name, entry } of await listEntries(reader, archive)) {
    if (!accept(name)) continue;
    const chunks = expandEntry(entry, reading.limits);
    for await (const { value } of text.readStream(chunks, `${archive}/${name}`, reading, "")) {
      yield { path: name, text: value.text as string };
    }
  }
}

/** A file in an archive. */
interface Entry {
  /** Its path, with `/` between folders: some programs on Windows write backslashes. */
  readonly name: string;
  readonly entry: FileEntry;
}

/** The files of an archive, after checking that no path leads out of it. */
async function listEntries(
  reader: Reader<unknown>,
  archive: string,
): Promise<Entry[]> {
  const files: Entry[] = [];
  try {
    for await (const entry of new ZipReader(reader).getEntriesGenerator()) {
      const name = entry.filename.replaceAll("\\", "/");
      if (leadsOut(name)) throw new UnsafePath(entry.filename);
      if (!entry.directory && !name.endsWith("/")) files.push({ name, entry: entry as FileEntry });
    }
  } catch (error) {
    const unsafe = (error as { filename?: string }).filename;
    throw new Error(
      unsafe === undefined
        ? `${archive} is not a readable ZIP archive (${messageOf(error)}); fetch or write it again`
        : `${archive}: entry ${
          JSON.stringify(unsafe)
        } is refused: its path leads out of the archive`,
    );
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

class UnsafePath extends Error {
  constructor(readonly filename: string) {
    super(`unsafe path ${filename}`);
  }
}

function leadsOut(path: string): boolean {
  return /^\/|^[a-z]:|\0/i.test(path) || path.split("/").includes("..");
}

/** Streams the bytes of an entry; its checksum is checked at the end. */
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

/** Gives the library random access to a file. */
function fileReader(bytes: FileBytes): Reader<unknown> {
  return new class extends Reader<FileBytes> {
    override size = bytes.size;
    override readUint8Array(index: number, length: number): Promise<Uint8Array> {
      return Promise.resolve(bytes.read(index, Math.min(index + length, bytes.size)));
    }
  }(bytes);
}
