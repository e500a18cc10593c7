/**
 * The entries of a ZIP archive: a list that stays small for archives of many files, and the bytes of each.
 *
 * @module
 */
import { configure, type FileEntry, Reader, ZipReader } from "@zip.js/zip.js";
import { Buffer } from "node:buffer";
import { crc32, inflateRawSync } from "node:zlib";
import { inflateRaw } from "./decompress.ts";
import { checkExpansion, messageOf, type Reading, StreamFault } from "./reading.ts";

// Workers would only add the cost of passing bytes to them, and would outlive the reading.
configure({ useWebWorkers: false });

/** Random access to the bytes of an archive. */
export interface ArchiveBytes {
  readonly size: number;
  /** The bytes [start, end). @throws {RangeError} when they are not within the archive. */
  read(start: number, end: number): Uint8Array<ArrayBuffer>;
}

/** A file in an archive. */
export interface Entry {
  /** Its path, with `/` between folders: some programs on Windows write backslashes. */
  readonly name: string;
  /** Where its local header begins. */
  readonly offset: number;
  readonly compressed_bytes: number;
  readonly expanded_bytes: number;
  readonly crc: number;
  /** Bytes of the name as the central directory has them, each as a character: 1 byte each in memory. */
  readonly raw_name: string;
  readonly method: number;
  readonly is_encrypted: boolean;
  /** Whether its bytes are also those of the entry after it. */
  overlaps: boolean;
  /** The library's entry, of a kind that is rare. It takes 10 KB, 50 times as much as the rest. */
  readonly other?: FileEntry;
}

const STORED = 0, DEFLATED = 8;
const LOCAL_HEADER_BYTES = 30, LOCAL_HEADER_MAGIC = 0x04034b50;
/** Bits of the flags. */
const ENCRYPTED = 1, FOLLOWS_DATA = 1 << 3;
const ZIP64_FIELD = 1, IN_EXTRA_FIELD = 0xffff_ffff;
/** Compressed bytes that are read at a time; entries that are not larger are expanded in one call. */
const BLOCK_BYTES = 1 << 16;

/**
 * The files of an archive, sorted by name.
 *
 * @throws {Error} for damage, a path that leads out of the archive, and two files of one name.
 */
export async function listEntries(
  bytes: ArchiveBytes,
  archive: string,
  reading: Reading,
): Promise<Entry[]> {
  const files: Entry[] = [];
  try {
    for await (const entry of new ZipReader(readerOf(bytes)).getEntriesGenerator()) {
      await reading.turn();
      const name = entry.filename.replaceAll("\\", "/");
      if (leadsOut(name)) throw new UnsafePath(entry.filename);
      if (!entry.directory && !name.endsWith("/")) files.push(entryOf(name, entry as FileEntry));
    }
  } catch (error) {
    reading.throwIfAborted();
    const unsafe = (error as { filename?: string }).filename;
    throw new Error(
      unsafe === undefined
        ? `${archive} is not a readable ZIP archive (${messageOf(error)}); fetch or write it again`
        : `${archive}: entry ${
          JSON.stringify(unsafe)
        } is refused: its path leads out of the archive`,
    );
  }
  markOverlaps(files);
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = files.find(({ name }, i) => name === files[i + 1]?.name);
  if (twice !== undefined) {
    const name = JSON.stringify(twice.name);
    throw new Error(`${archive} has two entries named ${name}; pack its files again`);
  }
  return files;
}

function entryOf(name: string, entry: FileEntry): Entry {
  const { offset, compressedSize, uncompressedSize, compressionMethod: method } = entry;
  const is_plain = method === STORED || method === DEFLATED;
  return {
    name,
    offset,
    compressed_bytes: compressedSize,
    expanded_bytes: uncompressedSize,
    // Absent if encrypted, which is refused.
    crc: entry.crc32 ?? 0,
    raw_name: latin1(entry.rawFilename),
    method,
    is_encrypted: entry.encrypted,
    overlaps: false,
    ...(is_plain ? {} : { other: entry }),
  };
}

/** Entries that share bytes make a small archive expand to anything. Sorts the entries by place. */
function markOverlaps(entries: Entry[]): void {
  entries.sort((a, b) => a.offset - b.offset);
  for (const [i, entry] of entries.entries()) {
    // The header is longer by the name and the extra field.
    const end = entry.offset + LOCAL_HEADER_BYTES + entry.compressed_bytes;
    entry.overlaps = i + 1 < entries.length && end > entries[i + 1].offset;
  }
}

/** Each byte as a character. */
const latin1 = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString("latin1");

class UnsafePath extends Error {
  constructor(readonly filename: string) {
    super(`unsafe path ${filename}`);
  }
}

function leadsOut(path: string): boolean {
  return /^\/|^[a-z]:|\0/i.test(path) || path.split("/").includes("..");
}

/**
 * Streams the bytes of an entry; its size and checksum are checked at the end.
 *
 * @throws {StreamFault} for damage, encryption, expansion beyond the limits, and an entry that another program would
 *   unpack as something else.
 */
export async function* expandEntry(
  bytes: ArchiveBytes,
  entry: Entry,
  reading: Reading,
): AsyncGenerator<Uint8Array> {
  await reading.turn();
  if (entry.is_encrypted) throw new StreamFault("is encrypted; unpack the archive first");
  if (entry.overlaps) throw unreadable("it overlaps another entry, as in a decompression bomb");
  checkExpansion(reading.limits, entry.compressed_bytes, entry.expanded_bytes);
  let expanded = 0, crc = 0;
  for await (const chunk of chunksOf(bytes, entry, reading)) {
    expanded += chunk.length;
    if (expanded > entry.expanded_bytes) throw unreadable("it is longer than declared");
    crc = crc32(chunk, crc);
    yield chunk;
    await reading.turn();
  }
  if (expanded < entry.expanded_bytes) throw unreadable("it is too short");
  if (crc !== entry.crc) throw unreadable("its checksum is wrong");
}

function unreadable(why: string): StreamFault {
  return new StreamFault(`cannot be unpacked (${why}); fetch the archive again`);
}

async function* chunksOf(
  bytes: ArchiveBytes,
  entry: Entry,
  reading: Reading,
): AsyncGenerator<Uint8Array> {
  const data_at = checkLocalHeader(bytes, entry);
  if (entry.other !== undefined) return yield* expandOther(entry.other);
  const blocks = blocksOf(bytes, entry, data_at);
  if (entry.method === STORED) return yield* blocks;
  if (entry.compressed_bytes <= BLOCK_BYTES) {
    const [block] = blocks;
    if (block !== undefined) yield inflate(block, entry.expanded_bytes);
    return;
  }
  yield* inflateRaw(blocks, reading.limits);
}

function inflate(block: Uint8Array, expanded_bytes: number): Uint8Array {
  try {
    return inflateRawSync(block, { maxOutputLength: Math.max(1, expanded_bytes) });
  } catch (error) {
    throw unreadable(messageOf(error));
  }
}

/**
 * Checks that an entry's own header says what the central directory says: some programs follow the one, some the other
 * (APPNOTE 6.3.10, section 4.3.7).
 *
 * @returns where its bytes begin.
 */
function checkLocalHeader(bytes: ArchiveBytes, entry: Entry): number {
  const name_at = entry.offset + LOCAL_HEADER_BYTES;
  const header = new DataView(readFrom(bytes, entry.offset, name_at).buffer);
  const short = (at: number) => header.getUint16(at, true);
  const long = (at: number) => header.getUint32(at, true);
  if (long(0) !== LOCAL_HEADER_MAGIC) {
    throw unreadable("there is no entry where the directory says");
  }
  const extra_at = name_at + short(26), data_at = extra_at + short(28);
  const name = readFrom(bytes, name_at, extra_at);
  if (latin1(name) !== entry.raw_name) {
    throw unreadable(`its own header names it ${JSON.stringify(new TextDecoder().decode(name))}`);
  }
  const flags = short(6), method = short(8);
  if ((flags & ENCRYPTED) !== 0) throw unreadable("its own header says that it is encrypted");
  if (method !== entry.method) {
    throw unreadable(`its own header has method ${method}, the directory ${entry.method}`);
  }
  const large = largeSizes(readFrom(bytes, extra_at, data_at), long(18), long(22));
  const both: [what: string, own: number, listed: number][] = [
    ["checksum", long(14), entry.crc],
    ["compressed size", large.compressed_bytes, entry.compressed_bytes],
    ["size", large.expanded_bytes, entry.expanded_bytes],
  ];
  for (const [what, own, listed] of both) {
    // Written before they were known: they follow the data.
    if (own === listed || own === 0 && (flags & FOLLOWS_DATA) !== 0) continue;
    throw unreadable(`its own header has ${what} ${own}, the directory ${listed}`);
  }
  return data_at;
}

/** Sizes of a local header; those of 4 GiB and more are in an extra field (section 4.5.3). */
function largeSizes(extra: Uint8Array<ArrayBuffer>, compressed: number, expanded: number) {
  const view = new DataView(extra.buffer);
  for (let at = 0; at + 20 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== ZIP64_FIELD) continue;
    // The size comes before the compressed one.
    const [first, second] = [4, 12].map((offset) => Number(view.getBigUint64(at + offset, true)));
    return {
      compressed_bytes: compressed === IN_EXTRA_FIELD ? second : compressed,
      expanded_bytes: expanded === IN_EXTRA_FIELD ? first : expanded,
    };
  }
  return { compressed_bytes: compressed, expanded_bytes: expanded };
}

function readFrom(bytes: ArchiveBytes, start: number, end: number): Uint8Array<ArrayBuffer> {
  try {
    return bytes.read(start, end);
  } catch (error) {
    throw unreadable(messageOf(error));
  }
}

/** The compressed bytes of an entry. */
function* blocksOf(bytes: ArchiveBytes, entry: Entry, data_at: number): Generator<Uint8Array> {
  const end = data_at + entry.compressed_bytes;
  for (let at = data_at; at < end; at += BLOCK_BYTES) {
    yield readFrom(bytes, at, Math.min(at + BLOCK_BYTES, end));
  }
}

/** Leaves compression of another kind, such as Deflate64, to the library. */
async function* expandOther(entry: FileEntry): AsyncGenerator<Uint8Array> {
  let fail = (_error: unknown) => {};
  const pipe = new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => void (fail = (error) => controller.error(error)),
  });
  entry.getData(pipe.writable).catch(fail);
  const chunks = pipe.readable[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await chunks.next().catch((error) => {
        throw unreadable(messageOf(error));
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await chunks.return?.().catch(() => {});
  }
}

/** Gives the library random access to the archive. */
function readerOf(bytes: ArchiveBytes): Reader<unknown> {
  return new class extends Reader<ArchiveBytes> {
    override size = bytes.size;
    override readUint8Array(index: number, length: number): Promise<Uint8Array> {
      return Promise.resolve(bytes.read(index, Math.min(index + length, bytes.size)));
    }
  }(bytes);
}

/** Bytes in memory as an archive. */
export function inMemory(whole: Uint8Array): ArchiveBytes {
  const read = (start: number, end: number) => {
    if (start > end || end > whole.length) throw new RangeError("it ends after the archive");
    return whole.slice(start, end);
  };
  return { size: whole.length, read };
}
