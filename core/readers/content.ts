/**
 * Files that are not what their names say: Git LFS pointers, compressed files, text in other encodings. A reader that
 * only said "not valid JSON" would send people looking in the wrong place.
 *
 * @module
 */
import { type FileBytes, joinBytes } from "./file_bytes.ts";
import { StreamFault } from "./reading.ts";

/** What compressed files begin with, by the names of the programs that write them. */
const COMPRESSED: readonly (readonly [bytes: readonly number[], name: string, fix: string])[] = [
  [[0x1f, 0x8b], "gzip", "add .gz to its name"],
  [[0x28, 0xb5, 0x2f, 0xfd], "Zstandard", "add .zst to its name"],
  [[0x42, 0x5a, 0x68, NaN, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59], "bzip2", "run bunzip2 first"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "xz", "run unxz first"],
  [[0x04, 0x22, 0x4d, 0x18], "LZ4", "run unlz4 first"],
];

/** What other binary files begin with. */
const BINARY: readonly (readonly [begin: string, name: string])[] = [
  ["PAR1", "a Parquet file"],
  ["PARE", "a Parquet file with an encrypted footer; write it without encryption"],
  ["ARROW1\0", "an Arrow file"],
  ["PK\x03\x04", "a ZIP archive"],
  ["7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"],
  ["Rar!\x1a\x07", "a RAR archive; unpack it first"],
  ["%PDF-", "a PDF document; convert it to text first"],
  ["SQLite format 3\0", "an SQLite database; export its tables first"],
  ["\x89HDF\r\n", "an HDF5 file; write it as Parquet"],
];

/** Bytes that are looked at. */
const HEAD_BYTES = 4096;

/**
 * What a file really is, if its first bytes are those of something else than plain UTF-8 text, with the fix.
 *
 * @param head up to 4 KiB; more is ignored.
 * @param expected beginning of the binary format that is wanted; text is wanted if left out.
 * @returns a predicate for the file ("is a Git LFS pointer …"), or undefined.
 */
export function namedContent(head: Uint8Array, expected?: string): string | undefined {
  const bytes = head.subarray(0, HEAD_BYTES);
  const raw = String.fromCharCode(...bytes.subarray(0, 64));
  if (raw.startsWith("version https://git-lfs.github.com/spec/")) {
    return "is a Git LFS pointer and not the file itself; run git lfs pull";
  }
  for (const [magic, name, fix] of COMPRESSED) {
    if (magic.every((byte, i) => Number.isNaN(byte) || byte === bytes[i])) {
      return `is compressed with ${name}; ${fix}`;
    }
  }
  const binary = BINARY.find(([begin]) => begin !== expected && raw.startsWith(begin));
  if (binary !== undefined) return `is ${binary[1]}`;
  // The mark of a tar archive is in its first header, after the name of the first file.
  if (String.fromCharCode(...bytes.subarray(257, 262)) === "ustar") {
    return "is a tar archive; unpack it first";
  }
  if (expected !== undefined && /^\s*<(!doctype html|html|\?xml)/i.test(raw)) {
    return "is a web page, perhaps of a failed download; fetch it again";
  }
  const encoding = expected === undefined ? wideEncoding(bytes) : undefined;
  return encoding && `is ${encoding} text; convert it to UTF-8: iconv -f ${encoding} -t UTF-8`;
}

/**
 * What a file in a binary format really is, if its first bytes are those of something else.
 *
 * @param expected what a file of the format begins with.
 */
export function contentOf(file: FileBytes, expected: string): string | undefined {
  return namedContent(file.read(0, Math.min(file.size, HEAD_BYTES)), expected);
}

/** UTF-16 or UTF-32, by its byte order mark, or by zeros in the places where Latin letters have them. */
function wideEncoding(bytes: Uint8Array): string | undefined {
  const [a, b, c, d] = bytes;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? "UTF-32LE" : "UTF-16LE";
  if (a === 0xfe && b === 0xff) return "UTF-16BE";
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return "UTF-32BE";
  const zeros = [0, 0, 0, 0];
  const length = bytes.length & ~3;
  if (length < 8) return undefined;
  for (let i = 0; i < length; i++) if (bytes[i] === 0) zeros[i & 3]++;
  const share = zeros.map((count) => count / (length / 4));
  const [most, few] = [(i: number) => share[i] > 0.4, (i: number) => share[i] < 0.05];
  if (few(0) && most(1) && most(2) && most(3)) return "UTF-32LE";
  if (most(0) && most(1) && most(2) && few(3)) return "UTF-32BE";
  if (few(0) && most(1) && few(2) && most(3)) return "UTF-16LE";
  if (most(0) && few(1) && most(2) && few(3)) return "UTF-16BE";
  return undefined;
}

/** Encodings of languages without Latin letters, with the letters that a right guess gives. */
const LEGACY: readonly (readonly [encoding: string, letters: RegExp])[] = [
  ["SHIFT_JIS", /[\u3041-\u30fa\u4e00-\u9fff]/g],
  ["EUC-JP", /[\u3041-\u30fa]/g],
  ["EUC-KR", /[\uac00-\ud7a3]/g],
];

/** The message for bytes that are not UTF-8, with the encoding that they may have. */
export function notUtf8(bytes: Uint8Array): string {
  const head = bytes.subarray(0, HEAD_BYTES);
  const high = head.reduce((sum, byte) => sum + Number(byte >= 0x80), 0);
  const found = LEGACY.find(([encoding, letters]) => {
    const text = new TextDecoder(encoding).decode(head);
    const others = text.match(/[\u0080-\uffff]/g)?.length ?? 0;
    return !text.slice(0, -1).includes("\ufffd") && 2 * (text.match(letters)?.length ?? 0) > others;
  });
  // In Western texts most letters are ASCII.
  const encoding = 4 * high > head.length && found !== undefined ? found[0] : "WINDOWS-1252";
  return `is not UTF-8 text; convert it, e.g. with iconv -f ${encoding} -t UTF-8`;
}

/**
 * Passes a stream on, unless its first bytes are those of something else than plain text.
 *
 * @param explain gives what is wrong with the first bytes, or undefined.
 * @throws {StreamFault} before anything is passed on.
 */
export async function* checkHead(
  blocks: AsyncIterable<Uint8Array>,
  explain: (head: Uint8Array) => string | undefined = namedContent,
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [], length = 0, checked = false;
  const check = () => {
    const head = held.length === 1 ? held[0] : joinBytes(held);
    held = [];
    checked = true;
    const fault = head.length > 0 ? explain(head) : undefined;
    if (fault !== undefined) throw new StreamFault(fault);
    return head;
  };
  try {
    for await (const block of blocks) {
      if (checked) yield block;
      else {
        held.push(block);
        length += block.length;
        if (length >= HEAD_BYTES) yield check();
      }
    }
  } catch (error) {
    // What came before damage is still good.
    if (!checked && length > 0 && error instanceof StreamFault) yield check();
    throw error;
  }
  if (!checked && length > 0) yield check();
}
