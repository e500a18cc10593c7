/**
 * TensorBoard's event files: events (the parts of event.proto, summary.proto and tensor.proto that are needed here) in
 * TFRecord framing: length, its checksum, data, their checksum (tensorflow.org/tutorials/load_data/tfrecord).
 *
 * @module
 */
import protobuf from "protobufjs";

const field = (type: string, id: number) => ({ type, id });
const list = (type: string, id: number) => ({ rule: "repeated", type, id });

const schema = {
  Event: {
    fields: {
      wall_time: field("double", 1),
      step: field("int64", 2),
      file_version: field("string", 3),
      summary: field("Summary", 5),
    },
  },
  Summary: { fields: { value: list("Value", 1) } },
  Value: {
    fields: {
      tag: field("string", 1),
      simple_value: field("float", 2),
      tensor: field("TensorProto", 8),
      metadata: field("SummaryMetadata", 9),
    },
  },
  SummaryMetadata: { fields: { plugin_data: field("PluginData", 1) } },
  PluginData: { fields: { plugin_name: field("string", 1) } },
  TensorProto: {
    fields: {
      dtype: field("int32", 1),
      tensor_shape: field("TensorShapeProto", 2),
      string_val: list("bytes", 8),
    },
  },
  TensorShapeProto: { fields: { dim: list("Dim", 2) } },
  Dim: { fields: { size: field("int64", 1) } },
};

const EVENT = protobuf.Root.fromJSON({ nested: schema }).lookupType("Event");
const DT_STRING = 7;

const encode = (event: Record<string, unknown>) => EVENT.encode(EVENT.create(event)).finish();

/** The first event of a file. @param time Unix milliseconds. */
export function versionEvent(time: number): Uint8Array {
  return encode({ wall_time: time / 1000, file_version: "brain.Event:2" });
}

/** Values of one step by tag. @param time Unix milliseconds. */
export function scalarEvent(
  time: number,
  step: number,
  values: Iterable<[string, number]>,
): Uint8Array {
  const value = Array.from(values, ([tag, simple_value]) => ({ tag, simple_value }));
  return encode({ wall_time: time / 1000, step, summary: { value } });
}

/** A text, which TensorBoard shows as Markdown. @param time Unix milliseconds. */
export function textEvent(time: number, step: number, tag: string, text: string): Uint8Array {
  const value = {
    tag,
    metadata: { plugin_data: { plugin_name: "text" } },
    tensor: {
      dtype: DT_STRING,
      tensor_shape: { dim: [{ size: 1 }] },
      string_val: [new TextEncoder().encode(text)],
    },
  };
  return encode({ wall_time: time / 1000, step, summary: { value: [value] } });
}

/** CRC-32C (Castagnoli, reversed polynomial 0x82f63b78), a byte at a time. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/**
 * CRC-32C of bytes.
 *
 * @example
 * ```ts
 * import { crc32c } from "./event_file.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
 * ```
 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ crc >>> 8;
  return (crc ^ 0xffffffff) >>> 0;
}

/** Masked CRC of TFRecord: ((crc >> 15) | (crc << 17)) + 0xa282ead8, because a CRC of data with CRCs is weak. */
function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
}

/** One record. */
export function frame(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(16 + data.length);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, masked(data), true);
  return record;
}

/** A file to which whole records are appended. */
export class RecordFile {
  readonly #path: string;
  #pending: Uint8Array[] = [];

  /** @param path of a file that is created, or emptied if it exists. */
  constructor(path: string) {
    this.#path = path;
    Deno.writeFileSync(path, new Uint8Array());
  }

  add(data: Uint8Array): void {
    this.#pending.push(frame(data));
  }

  /** Appends pending records in one write, so that readers see whole records only. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const bytes = new Uint8Array(this.#pending.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const record of this.#pending) {
      bytes.set(record, at);
      at += record.length;
    }
    this.#pending = [];
    Deno.writeFileSync(this.#path, bytes, { append: true });
  }
}
