/**
 * TensorBoard's events: the parts of event.proto, summary.proto and tensor.proto that are written here.
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

/** Values of one step, by tag. */
export function scalarEvent(
  time: number,
  step: number,
  values: Iterable<[string, number]>,
): Uint8Array {
  const value = Array.from(values, ([tag, simple_value]) => ({ tag, simple_value }));
  return encode({ wall_time: time / 1000, step, summary: { value } });
}

/** A text, which TensorBoard shows as Markdown. */
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
