/**
 * Values of Arrow columns that another program wrote, as JSON would have them. The buffers of a column are checked
 * against its length once, so that a damaged batch is refused and never read beyond its end.
 *
 * @module
 */
import { type Data, type DataType, Type, type Vector } from "apache-arrow";

/** Reads the value of a row, counted from 0. @throws {BadValue} when this one value cannot be read. */
export type ValueReader = (row: number) => unknown;

/**
 * Makes the reader of a column's values; nulls are `null`, lists arrays, structs and maps objects.
 *
 * @throws {Error} for buffers that do not fit the length, and for unsupported types.
 */
export function valueReader(data: Data): ValueReader {
  const { nullBitmap, length } = data;
  if (data.typeId === Type.Null) return () => null;
  const read = presentReader(data);
  if (!nullBitmap || nullBitmap.length === 0) return read;
  require(nullBitmap.length * 8 >= length);
  return (row) => ((nullBitmap[row >> 3] >> (row & 7)) & 1) === 1 ? read(row) : null;
}

/** Fields of the data types' classes, which the library selects by type parameter. */
type TypeDetails = DataType & {
  unit: number;
  scale: number;
  listSize: number;
  byteWidth: number;
};

function presentReader(data: Data): ValueReader {
  const { length } = data;
  const type = data.type as TypeDetails;
  switch (type.typeId as Type) {
    case Type.Utf8:
    case Type.LargeUtf8: {
      const bytes = bytesReader(data);
      return (row) => utf8(bytes(row));
    }
    case Type.Binary:
    case Type.LargeBinary: {
      const bytes = bytesReader(data);
      return (row) => bytes(row).slice();
    }
    case Type.Utf8View: {
      const bytes = viewReader(data);
      return (row) => utf8(bytes(row));
    }
    case Type.BinaryView: {
      const bytes = viewReader(data);
      return (row) => bytes(row).slice();
    }
    case Type.FixedSizeBinary: {
      const { byteWidth } = type;
      const values = valuesOf<Uint8Array>(data, length * byteWidth);
      return (row) => values.slice(row * byteWidth, (row + 1) * byteWidth);
    }
    case Type.Bool: {
      const bits = valuesOf<Uint8Array>(data, Math.ceil(length / 8));
      return (row) => ((bits[row >> 3] >> (row & 7)) & 1) === 1;
    }
    case Type.Int:
    case Type.Time:
    case Type.Duration:
      return integerReader(data);
    case Type.Float:
      return floatReader(data);
    case Type.Decimal:
      return decimalReader(data, type.scale);
    case Type.Date:
      return dateReader(data, type.unit);
    case Type.Timestamp: {
      const values = valuesOf<BigInt64Array>(data, length);
      const digits = 3 * type.unit as FractionDigits;
      require([0, 3, 6, 9].includes(digits));
      return (row) => isoTimestamp(values[row], digits);
    }
    default:
      return nestedReader(data);
  }
}

/** Readers of values that contain other values. */
function nestedReader(data: Data): ValueReader {
  const { length, children } = data;
  const type = data.type as TypeDetails;
  switch (type.typeId as Type) {
    case Type.List:
    case Type.LargeList: {
      const offsets = offsetsOf(data, children[0].length);
      const item = valueReader(children[0]);
      return (row) => range(Number(offsets[row]), Number(offsets[row + 1]), item);
    }
    case Type.FixedSizeList: {
      const { listSize } = type;
      require(children[0].length >= length * listSize);
      const item = valueReader(children[0]);
      return (row) => range(row * listSize, (row + 1) * listSize, item);
    }
    case Type.Map:
      return mapReader(data);
    case Type.Struct:
      return structReader(data);
    case Type.Dictionary:
      return dictionaryReader(data);
    default:
      throw new Error(`columns of type ${type} are not supported; convert them to text or numbers`);
  }
}

function require(fits: boolean): asserts fits {
  if (!fits) throw new Error("damaged: a buffer does not fit its column's length");
}

function valuesOf<A extends { readonly length: number }>(data: Data, length: number): A {
  const values = data.values as A | undefined;
  require(values !== undefined && values.length >= length);
  return values;
}

type Offsets = Int32Array | BigInt64Array;

/** Offsets that never decrease and end within `limit` items. */
function offsetsOf(data: Data, limit: number): Offsets {
  const offsets = data.valueOffsets as Offsets;
  if (data.length === 0) return offsets;
  require(offsets.length > data.length && offsets[0] >= 0 && offsets[data.length] <= limit);
  for (let row = 0; row < data.length; row++) require(offsets[row] <= offsets[row + 1]);
  return offsets;
}

function bytesReader(data: Data): (row: number) => Uint8Array {
  const values = valuesOf<Uint8Array>(data, 0);
  const offsets = offsetsOf(data, values.length);
  return (row) => values.subarray(Number(offsets[row]), Number(offsets[row + 1]));
}

const VIEW_BYTES = 16;
const INLINE_BYTES = 12;

/** A view is a length, then the bytes themselves or their prefix, buffer and offset. */
function viewReader(data: Data): (row: number) => Uint8Array {
  const bytes = valuesOf<Uint8Array>(data, data.length * VIEW_BYTES);
  const views = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (row) => {
    const at = row * VIEW_BYTES;
    const length = views.getUint32(at, true);
    if (length <= INLINE_BYTES) return bytes.subarray(at + 4, at + 4 + length);
    const buffer = data.variadicBuffers[views.getUint32(at + 8, true)];
    const start = views.getUint32(at + 12, true);
    if (buffer === undefined || start + length > buffer.length) {
      throw new BadValue("points beyond the end of its buffer");
    }
    return buffer.subarray(start, start + length);
  };
}

function integerReader(data: Data): ValueReader {
  const values = valuesOf<Int32Array | BigInt64Array>(data, data.length);
  if (typeof values[0] !== "bigint") return (row) => values[row];
  return (row) => plainInteger(values[row] as bigint);
}

function floatReader(data: Data): ValueReader {
  const values = valuesOf<Uint16Array | Float32Array>(data, data.length);
  if (!(values instanceof Uint16Array)) return (row) => values[row];
  const halves = new Float16Array(values.buffer, values.byteOffset, values.length);
  return (row) => halves[row];
}

function decimalReader(data: Data, scale: number): ValueReader {
  const words = (data.type as unknown as { bitWidth: number }).bitWidth / 32;
  require([1, 2, 4, 8].includes(words));
  const values = valuesOf<Uint32Array>(data, data.length * words);
  return (row) => {
    let digits = 0n;
    for (let word = words - 1; word >= 0; word--) {
      digits = (digits << 32n) | BigInt(values[row * words + word]);
    }
    return decimalText(BigInt.asIntN(32 * words, digits), scale);
  };
}

/** Days, or milliseconds that are a multiple of a day. */
function dateReader(data: Data, unit: number): ValueReader {
  const values = valuesOf<Int32Array | BigInt64Array>(data, data.length);
  const per_day = unit === 0 ? 1n : 86_400_000n;
  return (row) => isoDay(BigInt(values[row]) / per_day);
}

function range(start: number, end: number, item: ValueReader): unknown[] {
  const items: unknown[] = [];
  for (let at = start; at < end; at++) items.push(item(at));
  return items;
}

function structReader(data: Data): ValueReader {
  const names = (data.type as DataType).children.map(({ name }) => name);
  const fields = data.children.map((child) => {
    require(child.length >= data.length);
    return valueReader(child);
  });
  return (row) => Object.fromEntries(names.map((name, i) => [name, fields[i](row)]));
}

function mapReader(data: Data): ValueReader {
  const [entries] = data.children;
  const offsets = offsetsOf(data, entries.length);
  const [keys, values] = entries.children.map((child) => {
    require(child.length >= entries.length);
    return valueReader(child);
  });
  const pair = (at: number) => [String(keys(at)), values(at)] as const;
  return (row) => {
    const [start, end] = [Number(offsets[row]), Number(offsets[row + 1])];
    return Object.fromEntries(range(start, end, pair) as [string, unknown][]);
  };
}

/** A dictionary serves all batches until it is replaced. */
const dictionaries = new WeakMap<Vector, ValueReader>();

function dictionaryReader(data: Data): ValueReader {
  const indices = valuesOf<Int32Array | BigInt64Array>(data, data.length);
  const { dictionary } = data;
  if (!dictionary) throw new Error("damaged: a dictionary is missing");
  let value = dictionaries.get(dictionary);
  if (value === undefined) dictionaries.set(dictionary, value = dictionaryValues(dictionary));
  return (row) => value(Number(indices[row]));
}

/** A dictionary may have grown in several parts. Its values are decoded when first used. */
function dictionaryValues(dictionary: Vector): ValueReader {
  const parts = dictionary.data.map((data) => ({ data, read: valueReader(data) }));
  const known = new Map<number, unknown>();
  return (index) => {
    if (known.has(index)) return known.get(index);
    let at = index;
    for (const { data, read } of parts) {
      if (at >= 0 && at < data.length) {
        const value = read(at);
        known.set(index, value);
        return value;
      }
      at -= data.length;
    }
    throw new BadValue(`refers to entry ${index}, which is missing from its dictionary`);
  };
}

/** One value cannot be read; the message continues `column "x" …`. The values around it can still be read. */
export class BadValue extends Error {}

/** An integer as a number, or as a string of digits if a number would round it. */
export function plainInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** A decimal with all digits of its scale, such as "-3.30" for -330 and 2. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale));
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Decimal digits of the fraction of a second: 3 for milliseconds. */
export type FractionDigits = 0 | 3 | 6 | 9;

/**
 * ISO 8601 in UTC, e.g. `2024-02-29T12:00:00.5Z`; a time without a zone is read as UTC.
 *
 * @param value since 1970 in units of 10^-digits seconds.
 * @throws {BadValue} for a year beyond 275,760.
 */
export function isoTimestamp(value: bigint, digits: FractionDigits): string {
  const unit = 10n ** BigInt(digits);
  const fraction = ((value % unit) + unit) % unit;
  const seconds = isoDate((value - fraction) / unit * 1000n).slice(0, -5);
  if (fraction === 0n) return `${seconds}Z`;
  return `${seconds}.${String(fraction).padStart(digits, "0").replace(/0+$/, "")}Z`;
}

/** `2024-02-29`, from days since 1970. */
export function isoDay(days: bigint): string {
  return isoDate(days * 86_400_000n).slice(0, -14);
}

function isoDate(milliseconds: bigint): string {
  const date = new Date(Number(milliseconds));
  if (Number.isNaN(date.getTime())) throw new BadValue("has a time out of range");
  return date.toISOString();
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws {BadValue} for bytes that are not UTF-8. */
export function utf8(bytes: Uint8Array): string {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new BadValue("is not UTF-8 text");
  }
}
