/**
 * Writes docs/stages.md, the reference of the stages, from their ports, their config schemas and the comments on
 * the schemas' fields.
 *
 * ```sh
 * deno run -A docs/make_stage_reference.ts
 * ```
 *
 * @module
 */
import { z } from "zod";
import { type AnyStage, type InputPort, type Port, ports, study_ports } from "@causeway/core/stage";
import { PLUGINS } from "@causeway/plugins";
import { STAGES } from "@causeway/stages";
import { formatMarkdown, table } from "./markdown.ts";

/** Plugins that the study recipes need; docs/plugins.md describes the others. */
const STUDY_PLUGINS = ["study", "proximity", "study_report", "report"];

/** Rooms that declare config fields shared by several stages. */
const SHARED_ROOMS = ["core/train", "core/batches", "core/engine", "core/analysis", "core/model"];

/** The part of JSON Schema that the configs use. */
interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  /** Variants of a discriminated union. */
  oneOf?: Schema[];
  items?: Schema;
  prefixItems?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  exclusiveMaximum?: number;
}

/** Doc comments on the fields of a stage. */
interface Comments {
  /** By `parent.field`, or `.field` for fields that are constants. */
  readonly of: ReadonlyMap<string, string>;
  /** Names of the objects of shared fields that the stage's config contains. */
  readonly shared_fields: readonly string[];
}

/** Parent of the top-level fields of a config. */
const ROOT = "config";

/** Meaning of fields that need no comment where they are declared, but do in a table. */
const UNCOMMENTED: readonly (readonly [string, string])[] = [
  ["model.hidden_size", "Width of the residual stream."],
  ["model.num_hidden_layers", "Number of layers."],
  ["model.num_attention_heads", "Number of attention heads; must divide `hidden_size`."],
  ["model.intermediate_size", "Width of the MLP; 4 · `hidden_size` in Pythia."],
  ["model.max_position_embeddings", "Maximum sequence length."],
  ["optimizer.beta1", "Decay rate of the first moment."],
  ["optimizer.beta2", "Decay rate of the second moment."],
  ["optimizer.epsilon", "Added to the square root of the second moment."],
  ["optimizer.weight_decay", "Decoupled weight decay; multiplied by the learning rate."],
  ["weights.cosine", "Weight of the cosine similarity of the frequency vectors."],
  ["weights.jaccard", "Weight of the Jaccard index of the vocabularies."],
  ["weights.jensen_shannon", "Weight of the Jensen-Shannon part."],
];

/** The text of docs/stages.md. */
export async function stageReference(): Promise<string> {
  const shared = SHARED_ROOMS.flatMap(schemaFiles);
  const section = (stage: AnyStage, folder: string) =>
    stageSection(stage, readComments(schemaFiles(`${folder}/${stage.name}`), shared));
  const sections = [
    ...STAGES.map((stage) => section(stage, "stages")),
    ...PLUGINS.filter(({ name }) => STUDY_PLUGINS.includes(name))
      .map((stage) => section(stage, "plugins")),
  ];
  const text = [INTRODUCTION, ...sections, portSection()].join("\n\n");
  return await formatMarkdown(text);
}

const INTRODUCTION = `# Stages

The inputs, outputs and config of the built-in stages and of the plugins that a study needs. This page is generated from
the schemas by \`docs/make_stage_reference.ts\`; a test checks that it is up to date.

A recipe sets a field as \`config: { schedule: { peak_lr: 1e-3 } }\`; here it is called
\`schedule.peak_lr\`. In \`sources.*[].dataset\`, \`*\` is a name of your choice and \`[]\` an entry of a
list; the type \`name → T\` is a record from names to T. Unknown fields are errors. Losses are in nats per token,
lengths in tokens, and steps are optimizer steps. [Shared ports](#shared-ports) lists the columns of the ports.`;

/** Source files of a folder that declare config fields. */
function schemaFiles(folder: string): string[] {
  const files = [...Deno.readDirSync(new URL(`../${folder}`, import.meta.url))].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return schemaFiles(path);
    const is_source = /\.ts$/.test(path) && !/_test\.ts$/.test(path);
    return is_source && /_(fields|schema) =|const config =/.test(readSource(path)) ? [path] : [];
  });
  return files.sort();
}

const readSource = (path: string) => Deno.readTextFileSync(new URL(`../${path}`, import.meta.url));

function stageSection(stage: AnyStage, comments: Comments): string {
  const schema = z.toJSONSchema(stage.config, { io: "input" }) as Schema;
  return [
    `## ${stage.name}`,
    `${stage.description} Version ${stage.version}.`,
    table(["input", "accepts"], portRows(stage.inputs)),
    table(["output", "contains"], portRows(stage.outputs)),
    table(["config field", "type", "default", "meaning"], fieldRows(schema, "", comments)),
  ].join("\n\n");
}

function portRows(declared: Record<string, InputPort>): string[][] {
  return Object.entries(declared).map(([name, port]) => [`\`${name}\``, describePort(port)]);
}

const SHARED_PORTS: [string, Port][] = Object.entries({ ...ports, ...study_ports });

function describePort(port: InputPort): string {
  if (port.kind === "many") {
    const count = port.at_least === 0 ? "any number of" : "one or more";
    return `${count} ${describePort(port.port)}, by label`;
  }
  if (port.kind === "optional") return `${describePort(port.port)}, optional`;
  const shared = SHARED_PORTS.find(([, candidate]) => sameColumns(candidate, port))?.[0];
  return shared === undefined ? `${port.kind}: ${port.description}` : `\`${shared}\``;
}

function sameColumns(a: Port, b: Port): boolean {
  if (a.kind === "files" || b.kind === "files") return a === b;
  return JSON.stringify(a.columns) === JSON.stringify(b.columns);
}

function portSection(): string {
  const rows = SHARED_PORTS.map(([name, port]) => [
    `\`${name}\``,
    port.description,
    port.kind === "files"
      ? `files in the format \`${port.format}\``
      : Object.entries(port.columns).map(([column, type]) => `\`${column}: ${type}\``).join(", "),
  ]);
  return ["## Shared ports", table(["port", "contents", "columns"], rows)].join("\n\n");
}

/** One row per field, those of nested objects under a dotted path. */
function fieldRows(schema: Schema, path: string, comments: Comments): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const full = path === "" ? name : `${path}.${name}`;
    const fallback = schema.required?.includes(name) ? "required" : "not set";
    const row = [
      `\`${full}\``,
      typeOf(field),
      field.default === undefined ? fallback : `\`${JSON.stringify(field.default)}\``,
      field.description ?? findComment(comments, path, name),
    ];
    return [row, ...innerObjects(field, full).flatMap(([o, p]) => fieldRows(o, p, comments))];
  });
}

/** The objects nested in a field, through lists, records and unions, with the path of each. */
function innerObjects(field: Schema, path: string): [Schema, string][] {
  const { items, additionalProperties: values, anyOf = [], oneOf } = field;
  return [
    ...(oneOf ? [[merged(oneOf), path] as [Schema, string]] : []),
    ...(field.properties ? [[field, path] as [Schema, string]] : []),
    ...(items ? innerObjects(items, `${path}[]`) : []),
    ...(typeof values === "object" ? innerObjects(values, `${path}.*`) : []),
    ...anyOf.flatMap((option) => innerObjects(option, path)),
  ];
}

/** The fields of all variants of a discriminated union; the discriminator gets the values of all variants. */
function merged(schemas: readonly Schema[]): Schema {
  const properties: Record<string, Schema> = {};
  for (
    const [name, field] of schemas.flatMap((schema) => Object.entries(schema.properties ?? {}))
  ) {
    const values = [...properties[name]?.enum ?? [], ...(field.const ? [field.const] : [])];
    properties[name] ??= field;
    if (values.length > 0) properties[name] = { ...properties[name], enum: values };
  }
  const required = Object.keys(properties).filter((name) =>
    schemas.every((schema) => schema.required?.includes(name))
  );
  return { properties, required };
}

function typeOf(field: Schema): string {
  const { type, items, prefixItems, additionalProperties: values } = field;
  if (field.oneOf) return "object";
  if (field.const !== undefined && !field.enum) return `\`${JSON.stringify(field.const)}\``;
  if (field.anyOf) return field.anyOf.map(typeOf).join(" or ");
  if (field.enum) return field.enum.map((value) => `\`"${value}"\``).join(", ");
  if (prefixItems) return `[${prefixItems.map(typeOf).join(", ")}]`;
  if (items) return `${typeOf(items)}[]`;
  if (typeof values === "object") return `name → ${typeOf(values)}`;
  return [type, ...bounds(field)].join(" ");
}

/** Limits as text, except the one that every integer has. */
function bounds({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Schema): string[] {
  const limits = [
    ["≥", minimum],
    [">", exclusiveMinimum],
    ["≤", maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum],
    ["<", exclusiveMaximum],
  ];
  const given = limits.filter(([, limit]) => limit !== undefined);
  return given.length === 0 ? [] : [given.map((limit) => limit.join(" ")).join(", ")];
}

const DECLARATION =
  /^(?<indent> *)(?:\/\*\*(?<comment>(?:[^*]|\*(?!\/))*)\*\/\n *)?(?:export )?(?:const )?(?<name>\w+)(?::| =|,\n)/gm;

/**
 * Collects the doc comments on constants and object properties. The parent of a property is the name that opens its block,
 * found by the indentation of the formatted source.
 */
function readComments(own: readonly string[], shared: readonly string[]): Comments {
  const comments = new Map(UNCOMMENTED);
  for (const file of [...own, ...shared]) {
    const text = readSource(file);
    const names: string[] = [];
    for (const { groups } of text.matchAll(DECLARATION)) {
      const { indent, comment, name } = groups!;
      const depth = indent.length / 2;
      names[depth] = /config$/i.test(name) ? ROOT : name.replace(/_schema$/, "");
      if (comment === undefined) continue;
      const key = `${depth === 0 ? "" : names[depth - 1]}.${names[depth]}`;
      const words = comment.replaceAll(/\n *\*/g, " ").replaceAll(/\s+/g, " ").trim();
      if (!comments.has(key)) comments.set(key, words);
    }
  }
  return { of: comments, shared_fields: spreadFields(own, shared) };
}

/** Names of the `…_fields` objects that are spread in a stage's own files, and in those objects in turn. */
function spreadFields(own: readonly string[], shared: readonly string[]): string[] {
  const spreads = (text: string) =>
    [...text.matchAll(/\.\.\.(\w+_fields\b|\w+(?=_schema\.shape))/g)].map(([, name]) => name);
  const all = [...own, ...shared].map(readSource).join("\n");
  const names = own.flatMap((file) => spreads(readSource(file)));
  for (const name of names) { // grows while it is traversed
    const declared = new RegExp(`const ${name} = \\{[^]*?\\n\\}`).exec(all)?.[0] ?? "";
    names.push(...spreads(declared));
  }
  return names;
}

/** The comment on a field: in its object, in shared fields, on a constant of the same name, or in any other object. */
function findComment(comments: Comments, path: string, name: string): string {
  const parent = path.replaceAll(/[.*[\]]+$/g, "").split(".").pop() || ROOT;
  const parents = [parent, ...comments.shared_fields, ""];
  const key = parents.map((one) => `${one}.${name}`).find((one) => comments.of.has(one)) ??
    [...comments.of.keys()].find((one) => one.endsWith(`.${name}`) && !one.startsWith(`${ROOT}.`));
  return comments.of.get(key ?? "") ?? "";
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("stages.md", import.meta.url), await stageReference());
}
