/**
 * Writes docs/recipe.schema.json, the JSON Schema of JSON recipes, from the config schemas and ports of the stages.
 * Editors use it to complete and check recipes that have it as "$schema".
 *
 * ```sh
 * deno run -A docs/make_recipe_schema.ts
 * ```
 *
 * @module
 */
import { z } from "zod";
import { recipe_schema, step_schema } from "@causeway/core/recipe";
import type { AnyStage, InputPort } from "@causeway/core/stage";
import { PLUGINS } from "@causeway/plugins";
import { STAGES } from "@causeway/stages";
import { stageReference } from "./make_stage_reference.ts";

/** The part of JSON Schema that is used here. */
export interface Schema {
  $schema?: string;
  $defs?: Record<string, Schema>;
  $ref?: string;
  title?: string;
  description?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  pattern?: string;
  anyOf?: Schema[];
  allOf?: Schema[];
  if?: Schema;
  then?: Schema;
  not?: Schema;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  minProperties?: number;
  additionalProperties?: Schema | boolean;
}

/** Steps of built-in stages are checked in full, those of other stages only for the fields that all steps have. */
const OWN = "step of a stage of your own";
const OUTPUT: Schema = { $ref: "#/$defs/output" };

/** The schema as a value. */
export async function recipeSchema(): Promise<Schema> {
  const meanings = readMeanings(await stageReference());
  const stages = [...STAGES, ...PLUGINS];
  const names = stages.map(({ name }) => name);
  const steps = Object.fromEntries(stages.map((stage) => [stage.name, stepOf(stage, meanings)]));
  const recipe = jsonSchema(recipe_schema);
  const built_in: Schema = { properties: { stage: { enum: names } } };
  const byStage = (name: string): Schema => ({
    if: { required: ["stage"], properties: { stage: { const: name } } },
    then: { $ref: `#/$defs/${name}` },
  });
  recipe.properties!.steps.additionalProperties = {
    type: "object",
    required: ["stage"],
    // Names that an editor suggests.
    properties: { stage: { anyOf: [built_in.properties!.stage, { type: "string" }] } },
    allOf: [
      ...names.map(byStage),
      { if: { not: built_in }, then: { $ref: `#/$defs/${OWN}` } },
    ],
  };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Causeway recipe",
    ...recipe,
    // Without declared stages, any other name is an error.
    if: { not: { required: ["stages"] } },
    then: { properties: { steps: { additionalProperties: built_in } } },
    $defs: {
      output: {
        type: "string",
        pattern: "^.+\\.[^.]+$",
        description: 'An output of another step, "step.output".',
      },
      [OWN]: jsonSchema(step_schema),
      ...steps,
    },
  };
}

/** The schema of the input: before defaults and transforms. */
function jsonSchema(schema: z.ZodType): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest as Schema;
}

function stepOf(stage: AnyStage, meanings: ReadonlyMap<string, string>): Schema {
  const step = jsonSchema(step_schema);
  const config = jsonSchema(stage.config);
  describe(config, stage.name, meanings);
  const inputs = inputsOf(stage.inputs);
  const required = [
    "stage",
    ...(config.required?.length ? ["config"] : []),
    ...(inputs.required!.length > 0 ? ["inputs"] : []),
  ];
  const properties = { ...step.properties, stage: { const: stage.name }, config, inputs };
  return { ...step, description: stage.description, properties, required };
}

function inputsOf(ports: Readonly<Record<string, InputPort>>): Schema {
  const required = Object.entries(ports).filter(([, port]) =>
    port.kind === "many" ? port.at_least > 0 : port.kind !== "optional"
  );
  return {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(ports).map(([name, port]) => [name, inputOf(port)]),
    ),
    required: required.map(([name]) => name),
    additionalProperties: false,
  };
}

function inputOf(port: InputPort): Schema {
  if (port.kind === "optional") return { ...inputOf(port.port) };
  if (port.kind !== "many") return { ...OUTPUT, description: port.description };
  return {
    type: "object",
    description: `By label: ${port.port.description}`,
    additionalProperties: OUTPUT,
    minProperties: port.at_least,
  };
}

/** Adds the meanings of fields to a schema as descriptions. Paths are those of docs/stages.md. */
function describe(schema: Schema, path: string, meanings: ReadonlyMap<string, string>): void {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const full = `${path}.${name}`;
    const meaning = meanings.get(full);
    if (meaning !== undefined) field.description ??= meaning;
    describe(field, full, meanings);
  }
  const { items, additionalProperties: others, anyOf = [] } = schema;
  if (items) describe(items, `${path}[]`, meanings);
  if (typeof others === "object") describe(others, `${path}.*`, meanings);
  anyOf.forEach((option) => describe(option, path, meanings));
}

/** Meanings by stage and path, from the tables of the reference. */
function readMeanings(reference: string): Map<string, string> {
  const meanings = new Map<string, string>();
  let stage = "";
  for (const line of reference.split("\n")) {
    stage = /^## (?<name>\w+)$/.exec(line)?.groups?.name ?? stage;
    const [, field = "", , , meaning] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const path = /^`(?<path>[^`]+)`$/.exec(field)?.groups?.path;
    if (path && meaning) meanings.set(`${stage}.${path}`, meaning.replaceAll("\\|", "|"));
  }
  return meanings;
}

/** The text of docs/recipe.schema.json. */
export async function recipeSchemaText(): Promise<string> {
  return JSON.stringify(await recipeSchema(), null, 2) + "\n";
}

if (import.meta.main) {
  await Deno.writeTextFile(
    new URL("recipe.schema.json", import.meta.url),
    await recipeSchemaText(),
  );
}
