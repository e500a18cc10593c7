/**
 * Overrides: fields of a recipe that the command line sets, `--set sft.epochs=2` and `--device`.
 *
 * They change the draft, before defaults are filled in and anything is checked, so a run has the same keys as one of a
 * recipe written that way. Which fields a config has comes from the JSON Schema of its schema, where that has one
 * (Standard JSON Schema, as zod provides); other schemas accept any path here, and their own check decides.
 *
 * @module
 */
import { didYouMean } from "../words/mod.ts";
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import type { z } from "zod";
import type { AnyStage } from "../stage/mod.ts";
import { type RecipeDraft, type StepDraft, whereOf } from "./draft.ts";
import type { Renamed } from "./stage_modules.ts";

/** Prefix of a stage name, for an override of all its steps. Step ids contain no colon. */
const OF_STAGE = "stage:";

/**
 * Sets fields of a draft; later overrides win.
 *
 * @param texts `PATH=VALUE`. A path is a step and a place in its config, with dots between fields and indices of
 *   lists; `stage:NAME` in place of a step means all steps of a stage; `seed` alone is the recipe's. A value is
 *   JSON, or else a string.
 * @returns a new draft; problems with overrides are among its problems.
 *
 * @example
 * ```ts
 * import { defineRecipe } from "./recipe.ts";
 * import { applyOverrides } from "./overrides.ts";
 * import { numbers } from "./testdata/stages.ts";
 * import assert from "node:assert/strict";
 *
 * const recipe = defineRecipe({ name: "tiny", description: "", seed: 1 }, (recipe) => {
 *   recipe.step("few", numbers, { config: { count: 3 } });
 * });
 * const changed = applyOverrides(recipe, ["few.count=5", "seed=2"]);
 * assert.deepEqual(changed.steps[0].config, { count: 5 });
 * assert.equal(changed.header.seed, 2);
 * ```
 */
export function applyOverrides(
  draft: RecipeDraft,
  texts: readonly string[],
  renamed: Renamed = {},
): RecipeDraft {
  return texts.reduce((draft, text) => {
    const flag = `--set ${text}`;
    try {
      return applyOverride(draft, text, flag, renamed);
    } catch (error) {
      const problem = { message: `${flag}: ${(error as Error).message}` };
      return { ...draft, problems: [...draft.problems, problem] };
    }
  }, draft);
}

function applyOverride(
  draft: RecipeDraft,
  text: string,
  flag: string,
  renamed: Renamed,
): RecipeDraft {
  const equals = text.indexOf("=");
  const path = text.slice(0, Math.max(0, equals));
  if (path === "") throw new TypeError("write a path and a value, as in sft.epochs=2");
  const value = parseValue(text.slice(equals + 1));
  if (path === "seed") return { ...draft, header: { ...draft.header, seed: value as number } };
  const { targets, rest } = findTargets(draft.steps, path, renamed);
  // An invalid stage is reported elsewhere.
  const steps = draft.steps.map((step) =>
    step.stage && targets.includes(step)
      ? overrideStep(step, step.stage, rest, value, flag, renamed)
      : step
  );
  return { ...draft, steps };
}

function parseValue(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  // An integer that would be rounded is kept as text: an id among the values of a "where".
  return typeof value === "number" && /^-?\d+$/.test(text) && !Number.isSafeInteger(value)
    ? text
    : value;
}

/** The steps that a path begins with, and the rest of it. */
function findTargets(steps: readonly StepDraft[], path: string, renamed: Renamed) {
  const of_stage = path.startsWith(OF_STAGE);
  const rest = of_stage ? path.slice(OF_STAGE.length) : path;
  const nameOf = (step: StepDraft) => of_stage ? step.stage?.name : step.id;
  const names = [...new Set(steps.map(nameOf))].filter((name) => name !== undefined);
  const name = longestHead(names, rest);
  if (name !== undefined) {
    const targets = steps.filter((step) => nameOf(step) === name);
    return { targets, rest: rest.slice(name.length + 1) };
  }
  const [unknown] = rest.split(".");
  const known = names.join(", ");
  if (!of_stage) {
    throw new TypeError(
      `there is no step "${unknown}"; the steps are ${known}; ` +
        `seed sets the recipe's seed, ${OF_STAGE}NAME all steps of a stage`,
    );
  }
  throw new TypeError(
    Object.hasOwn(renamed, unknown)
      ? `stage "${unknown}" is now called "${renamed[unknown]}"`
      : `no step uses a stage "${unknown}"; the stages are ${known}`,
  );
}

/** The longest name that a path begins with: names may contain dots too. */
function longestHead(names: readonly string[], path: string): string | undefined {
  const heads = names.filter((name) => path === name || path.startsWith(`${name}.`));
  return heads.sort((a, b) => b.length - a.length)[0];
}

/** The step with one field of its config set. */
function overrideStep(
  step: StepDraft,
  stage: AnyStage,
  path: string,
  value: unknown,
  flag: string,
  renamed: Renamed,
): StepDraft {
  const root = Field.of(stage.config);
  const fail = (what: string) => {
    throw new TypeError(`${whereOf(step)}: ${what}`);
  };
  const old_name = longestHead(Object.keys(renamed), `${stage.name}.${path}`);
  if (old_name !== undefined) {
    fail(`config${old_name.slice(stage.name.length)} is now called config.${renamed[old_name]}`);
  }
  if (path === "") throw new TypeError(`name a field of ${whereOf(step)}${fieldsOf(root)}`);
  const keys: string[] = [];
  const config = setAt(step.config, root, path, value, keys, fail);
  const field = keys.reduce((field, key) => field.at(key), root);
  const override = { path: keys, flag, allowed: field.description };
  return { ...step, config, overrides: [...step.overrides ?? [], override] };
}

/**
 * A copy of a value with one place in it set.
 *
 * @param path the rest of the path.
 * @param keys the parts of the path before it; gets the others.
 * @param fail called when there is no such place.
 */
function setAt(
  given: unknown,
  field: Field,
  path: string,
  value: unknown,
  keys: string[],
  fail: (what: string) => void,
): unknown {
  if (path === "") return value;
  const at = ["config", ...keys].join(".");
  const container = (given ?? (field.is_list ? [] : {})) as Readonly<Record<string, unknown>>;
  if (typeof container !== "object") {
    fail(`${at} is ${JSON.stringify(given)}, which has no fields; replace it`);
  }
  const names = [...Object.keys(container), ...field.names];
  const key = longestHead(names, path) ?? path.split(".")[0];
  if (Array.isArray(container) && !(/^\d+$/.test(key) && Number(key) <= container.length)) {
    const last = container.length - 1;
    const existing = last < 0 ? "" : `use an index from 0 to ${last}, or `;
    fail(`${at} is a list: ${existing}${last + 1} to add an entry, not "${key}"`);
  }
  const inner = field.at(key);
  if (inner.is_nothing) {
    fail(`${at} has no field "${key}"${didYouMean(key, field.names) || fieldsOf(field)}`);
  }
  keys.push(key);
  const old = Object.hasOwn(container, key) ? container[key] : undefined;
  const changed = setAt(old, inner, path.slice(key.length + 1), value, keys, fail);
  if (!Array.isArray(container)) return { ...container, [key]: changed };
  return container.toSpliced(Number(key), 1, changed);
}

function fieldsOf(field: Field): string {
  return field.names.length === 0 ? "" : `; its fields are ${field.names.join(", ")}`;
}

/**
 * The step on a device, if its config has a field `device`.
 *
 * @param of_recipe used where the config does not set a device.
 * @param asked used instead of both.
 */
export function onDevice(step: StepDraft, of_recipe?: string, asked?: string): StepDraft {
  const { config, stage } = step;
  if (!stage || typeof config !== "object" || config === null || Array.isArray(config)) return step;
  const own = (config as { device?: unknown }).device;
  const device = asked ?? own ?? of_recipe;
  const has_field = own !== undefined || Field.of(stage.config).names.includes("device");
  return device === own || !has_field ? step : { ...step, config: { ...config, device } };
}

type Schema = z.core.JSONSchema.BaseSchema;

/** The values allowed at one place of a config, as alternative schemas; none where no value is allowed. */
class Field {
  private constructor(private readonly root: Schema, private readonly options: readonly Schema[]) {}

  /** A whole config. */
  static of(schema: StandardSchemaV1): Field {
    const root = inputSchema(schema);
    return new Field(root, expand(root, root));
  }

  /** Whether no value is allowed here. */
  get is_nothing(): boolean {
    return this.options.length === 0;
  }

  /** Whether only a list is allowed here. */
  get is_list(): boolean {
    return this.options.length > 0 && this.options.every(isList);
  }

  /** Names of the fields inside. */
  get names(): string[] {
    return [...new Set(this.options.flatMap(({ properties = {} }) => Object.keys(properties)))];
  }

  /** The field of a name, or of an index of a list. */
  at(key: string): Field {
    const inner = this.options.flatMap((option) => inside(option, key));
    return new Field(this.root, inner.flatMap((schema) => expand(schema, this.root)));
  }

  /** All allowed values in words: `integer > 0 or "all"`; undefined where any value is allowed. */
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
    return {}; // JSON Schema cannot express a part of it
  }
}

/** A schema as a flat list of alternatives, with references resolved. */
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
  if (key === "__proto__") return []; // would set the prototype
  if (isList(schema)) {
    if (!/^\d+$/.test(key)) return [];
    return schemasOf(schema.prefixItems?.[Number(key)] ?? schema.items ?? {});
  }
  if (properties && Object.hasOwn(properties, key)) return schemasOf(properties[key]);
  if (typeof others === "object") return schemasOf(others);
  // An object with declared fields has no others: its schema rejects or drops them.
  if (others === true || (others === undefined && !properties && isOpen(type))) return [{}];
  return [];
}

/** JSON Schema allows `false` for no value, and `true` for any, in place of a schema. */
const schemasOf = (schema: unknown): Schema[] =>
  typeof schema === "object" ? [schema as Schema] : schema === true ? [{}] : [];

const isOpen = (type: Schema["type"]) => type === undefined || type === "object";

function describe(schema: Schema): string {
  const { type, enum: values, const: only, items } = schema;
  if (only !== undefined) return JSON.stringify(only);
  if (values) return values.map((value) => JSON.stringify(value)).join(" or ");
  if (isList(schema)) {
    const options = items === undefined ? [] : schemasOf(items).flatMap((one) => expand(one, one));
    return options.length === 0 ? "a list" : `a list of ${options.map(describe).join(" or ")}`;
  }
  if (type === "object") return "an object";
  return [[type ?? ANYTHING].flat().join(" or "), ...limits(schema)].join(" ");
}

/** Limits as text, without the one that every integer has. */
function limits({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Schema): string[] {
  const all: [string, unknown][] = [
    ["≥", minimum],
    [">", exclusiveMinimum],
    ["≤", maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum],
    ["<", exclusiveMaximum],
  ];
  const given = all.filter(([, limit]) => limit !== undefined);
  return given.length === 0 ? [] : [given.map((limit) => limit.join(" ")).join(", ")];
}
