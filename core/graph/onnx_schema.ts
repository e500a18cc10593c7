/**
 * The part of the ONNX protobuf schema that graphs are written with, for protobufjs. Field numbers are those of
 * onnx.proto (IR version 8 and later); fields that are never written are left out.
 *
 * @module
 */
import protobuf from "protobufjs";

const field = (type: string, id: number) => ({ type, id });
const list = (type: string, id: number) => ({ rule: "repeated", type, id });
const unpacked = (type: string, id: number) => ({ ...list(type, id), options: { packed: false } });

const MESSAGES = {
  ModelProto: {
    ir_version: field("int64", 1),
    producer_name: field("string", 2),
    graph: field("GraphProto", 7),
    opset_import: list("OperatorSetIdProto", 8),
  },
  OperatorSetIdProto: { domain: field("string", 1), version: field("int64", 2) },
  GraphProto: {
    node: list("NodeProto", 1),
    name: field("string", 2),
    initializer: list("TensorProto", 5),
    input: list("ValueInfoProto", 11),
    output: list("ValueInfoProto", 12),
  },
  NodeProto: {
    input: list("string", 1),
    output: list("string", 2),
    name: field("string", 3),
    op_type: field("string", 4),
    attribute: list("AttributeProto", 5),
    domain: field("string", 7),
  },
  AttributeProto: {
    name: field("string", 1),
    f: field("float", 2),
    i: field("int64", 3),
    s: field("bytes", 4),
    ints: unpacked("int64", 8),
    type: field("int32", 20),
  },
  TensorProto: {
    dims: unpacked("int64", 1),
    data_type: field("int32", 2),
    name: field("string", 8),
    raw_data: field("bytes", 9),
  },
  ValueInfoProto: { name: field("string", 1), type: field("TypeProto", 2) },
  TypeProto: { tensor_type: field("TensorTypeProto", 1) },
  TensorTypeProto: { elem_type: field("int32", 1), shape: field("TensorShapeProto", 2) },
  TensorShapeProto: { dim: list("DimensionProto", 1) },
  // A oneof in onnx.proto: a size, or the name of one that is known when the model runs.
  DimensionProto: { dim_value: field("int64", 1), dim_param: field("string", 2) },
};

const nested = Object.fromEntries(
  Object.entries(MESSAGES).map(([name, fields]) => [name, { fields }]),
);
const MODEL = protobuf.Root.fromJSON({ nested }).lookupType("ModelProto");

/** Values of TensorProto.DataType. */
export const DATA_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
} as const;

export interface TensorProto {
  dims: number[];
  data_type: number;
  name: string;
  raw_data: Uint8Array;
}

export interface NodeProto {
  input: string[];
  output: string[];
  name: string;
  op_type: string;
  domain: string;
  attribute: Record<string, unknown>[];
}

export interface ValueInfoProto {
  name: string;
  type: {
    tensor_type: {
      elem_type: number;
      shape: { dim: ({ dim_value: number } | { dim_param: string })[] };
    };
  };
}

export interface GraphProto {
  name: string;
  node: NodeProto[];
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
}

/** An attribute's value. A number is a float, `{ int }` an integer. */
export type AttributeValue = number | { int: number } | string | readonly number[];

/** An attribute in protobuf form; the `type` numbers are AttributeProto.AttributeType. */
export function attributeProto(name: string, value: AttributeValue): Record<string, unknown> {
  if (typeof value === "number") return { name, type: 1, f: value };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { name, type: 7, ints: value };
  return { name, type: 2, i: (value as { int: number }).int };
}

/** Serializes a model, with standard operators of a version and ONNX Runtime's own (com.microsoft). */
export function encodeModel(
  graph: GraphProto,
  { ir_version, opset }: { ir_version: number; opset: number },
): Uint8Array {
  const opset_import = [{ domain: "", version: opset }, { domain: "com.microsoft", version: 1 }];
  const model = { ir_version, producer_name: "causeway", opset_import, graph };
  return MODEL.encode(MODEL.create(model)).finish();
}
