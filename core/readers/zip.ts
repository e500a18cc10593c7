/**
 * Text files and records inside a ZIP archive.
 *
 * @module
 */
import { contentOf } from "./content.ts";
import { expand, withoutCompression } from "./decompress.ts";
import { FileBytes } from "./file_bytes.ts";
import {
  type DataRecord,
  type Format,
  hasEnding,
  messageOf,
  Reading,
  type StreamFormat,
} from "./reading.ts";
import { selectFiles } from "./select_files.ts";
import { text } from "./text.ts";
import { type Entry, expandEntry, inMemory, listEntries } from "./zip_entries.ts";

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
    entries = await listEntries(bytes, path, reading);
  } catch (error) {
    reading.throwIfAborted();
    const found = contentOf(bytes, "PK\x03\x04");
    return reading.fault(found === undefined ? messageOf(error) : `${path} ${found}`);
  }
  const selection = selectFiles(entries.map(({ name }) => name), {
    where: path,
    formatOf,
    ...(reading.wanted_split && { split: reading.wanted_split }),
  });
  selection.passed_over.forEach((why, name) => reading.passOver(`${path}/${name}`, why));
  const by_name = new Map(entries.map((entry) => [entry.name, entry]));
  for (const { name, split } of selection.files) {
    const chunks = expand(expandEntry(bytes, by_name.get(name)!, reading), name, reading);
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
  using file = typeof source === "string" ? new FileBytes(source) : undefined;
  const bytes = file ?? inMemory(source as Uint8Array);
  for (const entry of await listEntries(bytes, archive, reading)) {
    const { name } = entry;
    if (!accept(name)) continue;
    const chunks = expandEntry(bytes, entry, reading);
    for await (const { value } of text.readStream(chunks, `${archive}/${name}`, reading, "")) {
      yield { path: name, text: value.text as string };
    }
  }
}
