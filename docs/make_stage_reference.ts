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
import { type AnyStage, type InputPort, type Port, ports, study_ports } from "../core/stage/mod.ts";
import { proximity } from "../plugins/proximity/mod.ts";
import { report } from "../plugins/report/mod.ts";
import { study } from "../plugins/study/mod.ts";
import { study_report } from "../plugins/study_report/mod.ts";
import { select_checkpoint } from "../stages/select_checkpoint/mod.ts";
import { cka } from "../stages/cka/mod.ts";
import { evaluate } from "../stages/evaluate/mod.ts";
import { evaluate_tasks } from "../stages/evaluate_tasks/mod.ts";
import { import_model } from "../stages/import_model/mod.ts";
import { import_tokenizer } from "../stages/import_tokenizer/mod.ts";
import { midtrain } from "../stages/midtrain/mod.ts";
import { pretrain } from "../stages/pretrain/mod.ts";
import { sft } from "../stages/sft/mod.ts";
import { similarity } from "../stages/similarity/mod.ts";
import { tokenize } from "../stages/tokenize/mod.ts";
import { formatMarkdown, table } from "./markdown.ts";

/** Stages in the order of a pipeline, with the file that declares the config. */
const STAGES: readonly (readonly [AnyStage, string])[] = [
  [import_model, "stages/import_model/config.ts"],
  [import_tokenizer, "stages/import_tokenizer/config.ts"],
  [tokenize, "stages/tokenize/config.ts"],
  [pretrain, "stages/pretrain/config.ts"],
  [midtrain, "stages/midtrain/config.ts"],
  [select_checkpoint, "stages/select_checkpoint/config.ts"],
  [sft, "stages/sft/config.ts"],
  [evaluate, "stages/evaluate/config.ts"],
  [evaluate_tasks, "stages/evaluate_tasks/config.ts"],
  [similarity, "stages/similarity/config.ts"],
  [cka, "stages/cka/config.ts"],
  [study, "plugins/study/config.ts"],
  [proximity, "plugins/proximity/config.ts"],
  [study_report, "plugins/study_report/inputs.ts"],
  [report, "plugins/report/inputs.ts"],
];

/** Declare fields that several stages share. */
const SHARED = [
  ...["config", "learning_rate", "adamw", "branch", "tuning_phase", "checkpointing"].map((name) => {
    return `core/train/${name}.ts`;
  }),
  ...["mixture_schedule", "packing", "examples"].map((name) => `core/batches/${name}.ts`),
  "core/engine/compute.ts",
  "core/analysis/options.ts",
  "core/model/gpt_neox/config.ts",
  "core/model/llama/config.ts",
];

/** The part of JSON Schema that the configs use. */
interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  /** Of schemas that one field tells apart. */
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

/** Comments on fields: by `parent.field`, and by `.field` for fields declared on their own. */
type Comments = ReadonlyMap<string, string>;

/** Parent of the fields that stand at the top of a config. */
const ROOT = "config";

/** Meaning of fields whose names say it all where they are declared, but not in a table. */
const UNCOMMENTED: readonly (readonly [string, string])[] = [
  ["model.hidden_size", "Width of the residual stream."],
  ["model.num_hidden_layers", "Layers."],
  ["model.num_attention_heads", "Attention heads; must divide `hidden_size`."],
  ["model.intermediate_size", "Width inside the MLP; Pythia has 4 · `hidden_size`."],
  ["model.max_position_embeddings", "Longest sequence the model takes."],
  ["optimizer.beta1", "Decay of the first moment."],
  ["optimizer.beta2", "Decay of the second moment."],
  ["optimizer.epsilon", "Added to the root of the second moment."],
  ["optimizer.weight_decay", "Decoupled weight decay, per unit of learning rate."],
  ["weights.cosine", "Weight of the cosine of the frequency vectors."],
  ["weights.jaccard", "Weight of the Jaccard index of the vocabularies."],
  ["weights.jensen_shannon", "Weight of 1 - Jensen-Shannon."],
];

/** The text of docs/stages.md. */
export async function stageReference(): Promise<string> {
  const sections = STAGES.map(([stage, file]) =>
    stageSection(stage, readComments([file, ...SHARED]))
  );
  const text = [INTRODUCTION, ...sections, portSection()].join("\n\n");
  return await formatMarkdown(text);
}

const INTRODUCTION = `# Stages

The built-in stages, and the plugins that a study needs: what they read, what they write, and their config.
This page is made from the schemas by \`docs/make_stage_reference.ts\`, and a test compares the two.

A recipe sets a field as \`config: { schedule: { peak_lr: 1e-3 } }\`; here it is called
\`schedule.peak_lr\`. In \`sources.*[].dataset\`, \`*\` stands for a name of your own and \`[]\` for each
entry of a list; the type \`name → T\` is a record from such names to T. An unknown field is refused.
Losses are in nats per token, lengths in tokens, and steps are optimizer steps. [Shared ports](#shared-ports) lists the columns behind the names of ports.`;

function stageSection(stage: AnyStage, comments: Comments): string {
  const schema = z.toJSONSchema(stage.config, { io: "input" }) as Schema;
  return [
    `## ${stage.name}`,
    `${stage.description} Version ${stage.version}.`,
    table(["input", "takes"], portRows(stage.inputs)),
    table(["output", "holds"], portRows(stage.outputs)),
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
    return `${count} ${describePort(port.port)}, each under a label`;
  }
  if (port.kind === "optional") return `${describePort(port.port)}, may be left out`;
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
  return ["## Shared ports", table(["port", "what it carries", "columns"], rows)].join("\n\n");
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

/** The objects inside a field, through lists, records and alternatives, with the path of each. */
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

/** The fields of all schemas as those of one: values of the field that tells them apart are put together. */
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

/** Limits as text; the one that every integer has is left out. */
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
 * Collects the doc comments on constants and object properties. The parent of a property is the name that opens
 * its block: formatted source tells it by the indentation.
 */
function readComments(files: readonly string[]): Comments {
  const comments = new Map(UNCOMMENTED);
  for (const file of files) {
    const text = Deno.readTextFileSync(new URL(`../${file}`, import.meta.url));
    const names: string[] = [];
    for (const { groups } of text.matchAll(DECLARATION)) {
      const { indent, comment, name } = groups!;
      const depth = indent.length / 2;
      names[depth] = /(config|_fields)$/i.test(name) ? ROOT : name.replace(/_schema$/, "");
      if (comment === undefined) continue;
      const key = `${depth === 0 ? "" : names[depth - 1]}.${names[depth]}`;
      const words = comment.replaceAll(/\n *\*/g, " ").replaceAll(/\s+/g, " ").trim();
      if (!comments.has(key)) comments.set(key, words);
    }
  }
  return comments;
}

/** The comment on a field: in its object, on a constant of its name, or in an object declared on its own. */
function findComment(comments: Comments, path: string, name: string): string {
  const parent = path.replaceAll(/[.*[\]]+$/g, "").split(".").pop() || ROOT;
  const elsewhere = [...comments.keys()].find((key) =>
    key.endsWith(`.${name}`) && !key.startsWith(`${ROOT}.`)
  );
  return comments.get(`${parent}.${name}`) ?? comments.get(`.${name}`) ??
    comments.get(elsewhere ?? "") ?? "";
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("stages.md", import.meta.url), await stageReference());
}
