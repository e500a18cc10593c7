/**
 * What may stand in a config, by the JSON Schema of what its schema takes. For schemas that can tell (Standard JSON
 * Schema, as zod has it); of others nothing is known, and their own checks decide.
 *
 * @module
 */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";

/** The part of JSON Schema that configs use. */
export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema | boolean;
  readonly prefixItems?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
}

/** What may stand at one place of a config: any of some schemas. Empty: nothing may. */
export class Field {
  private constructor(private readonly root: Schema, private readonly options: readonly Schema[]) {}

  /** A whole config. */
  static of(schema: StandardSchemaV1): Field {
    const root = inputSchema(schema);
    return new Field(root, expand(root, root));
  }

  /** Whether nothing may stand here. */
  get is_nothing(): boolean {
    return this.options.length === 0;
  }

  /** Whether a list is what belongs here. */
  get is_list(): boolean {
    return this.options.length > 0 && this.options.every(isList);
  }

  /** Names of the fields inside. */
  get names(): string[] {
    return [...new Set(this.options.flatMap(({ properties = {} }) => Object.keys(properties)))];
  }

  /** What may stand under a name, or under an index of a list. */
  at(key: string): Field {
    const inner = this.options.flatMap((option) => inside(option, key));
    return new Field(this.root, inner.flatMap((schema) => expand(schema, this.root)));
  }

  /** All that may stand here, in words: `integer > 0 or "all"`. Nothing is said where anything may. */
  get description(): string | undefined {
    const texts = this.options.map(describe);
    return texts.includes(ANYTHING) ? undefined : [...new Set(texts)].join(" or ");
  }
}

const ANYTHING = "anything";

function inputSchema(schema: StandardSchemaV1): Schema {
  const { jsonSchema } = schema["~standard"] as Partial<StandardJSONSchemaV1.Props>;
  try {
    return jsonSchema?.input({ target: "draft-2020-12" }) ?? {};
  } catch {
    return {}; // something in it that JSON Schema cannot express
  }
}

/** A schema as alternatives that are no alternatives or references themselves. */
function expand(schema: Schema, root: Schema): Schema[] {
  if (schema.$ref !== undefined) {
    const name = /^#\/\$defs\/(.+)$/.exec(schema.$ref)?.[1];
    const target = name === undefined ? root : root.$defs?.[name] ?? {};
    return schema.$ref === "#" || name !== undefined ? expand(target, root) : [{}];
  }
  const parts = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  return parts ? parts.flatMap((part) => expand(part, root)) : [schema];
}

const isList = ({ type, items, prefixItems }: Schema) =>
  type === "array" || items !== undefined || prefixItems !== undefined;

function inside(schema: Schema, key: string): Schema[] {
  const { type, properties, additionalProperties: others } = schema;
  if (key === "__proto__") return []; // no name for data
  if (isList(schema)) {
    if (!/^\d+$/.test(key)) return [];
    const item = schema.prefixItems?.[Number(key)] ?? schema.items ?? {};
    return typeof item === "object" ? [item] : [];
  }
  if (properties && Object.hasOwn(properties, key)) return [properties[key]];
  if (typeof others === "object") return [others];
  // An object with fields takes no others: where they are not refused, they are dropped.
  if (others === true || (others === undefined && !properties && isOpen(type))) return [{}];
  return [];
}

const isOpen = (type: Schema["type"]) => type === undefined || type === "object";

function describe(schema: Schema): string {
  const { type, enum: values, const: only, items } = schema;
  if (only !== undefined) return JSON.stringify(only);
  if (values) return values.map((value) => JSON.stringify(value)).join(" or ");
  if (isList(schema)) {
    const item = typeof items === "object" ? expand(items, items).map(describe).join(" or ") : "";
    return item === "" ? "a list" : `a list of ${item}`;
  }
  if (type === "object") return "an object";
  return [[type ?? ANYTHING].flat().join(" or "), ...limits(schema)].join(" ");
}

/** Limits as text; the one that every integer has is left out. */
function limits({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Schema): string[] {
  const all: [string, number | undefined][] = [
    ["≥", minimum],
    [">", exclusiveMinimum],
    ["≤", maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum],
    ["<", exclusiveMaximum],
  ];
  const given = all.filter(([, limit]) => limit !== undefined);
  return given.length === 0 ? [] : [given.map((limit) => limit.join(" ")).join(", ")];
}
