/**
 * Overrides: fields of a recipe that the command line sets, `--set sft.epochs=2` and `--device`.
 *
 * They change the draft, before defaults are filled in and anything is checked, so a run has the same keys as one of a
 * recipe written that way. Which fields a config has comes from the JSON Schema of its schema, where that has one
 * (Standard JSON Schema, as zod provides); other schemas accept any path here, and their own check decides.
 *
 * @module
 */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import type { AnyStage } from "../stage/mod.ts";
import { type Problem, type RecipeDraft, type StepDraft, whereOf } from "./draft.ts";
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
  return texts.reduce((draft, text) => applyOverride(draft, text, renamed), draft);
}

function applyOverride(draft: RecipeDraft, text: string, renamed: Renamed): RecipeDraft {
  const flag = `--set ${text}`;
  const refuse = (what: string): RecipeDraft => {
    const problem = { message: `${flag}: ${what}` };
    return { ...draft, problems: [...draft.problems, problem] };
  };
  const equals = text.indexOf("=");
  const path = text.slice(0, Math.max(0, equals));
  if (path === "") return refuse("write a path and a value, as in sft.epochs=2");
  const value = parseValue(text.slice(equals + 1));
  if (path === "seed") return { ...draft, header: { ...draft.header, seed: value as number } };
  const target = findTarget(draft.steps, path, renamed);
  if (typeof target === "string") return refuse(target);
  const problems: Problem[] = [];
  const steps = draft.steps.map((step) => {
    // An invalid stage is reported elsewhere.
    if (!target.steps.includes(step) || !step.stage) return step;
    const changed = overrideStep(step, step.stage, target.rest, value, flag, renamed);
    if (typeof changed !== "string") return changed;
    problems.push({ message: `${flag}: ${changed}` });
    return step;
  });
  return { ...draft, steps, problems: [...draft.problems, ...problems] };
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The steps that a path begins with, and the rest of it; or why there are none. */
function findTarget(steps: readonly StepDraft[], path: string, renamed: Renamed) {
  const of_stage = path.startsWith(OF_STAGE);
  const rest = of_stage ? path.slice(OF_STAGE.length) : path;
  const nameOf = (step: StepDraft) => of_stage ? step.stage?.name : step.id;
  const names = [...new Set(steps.map(nameOf))].filter((name) => name !== undefined);
  const name = longestHead(names, rest);
  if (name === undefined) {
    const [unknown] = rest.split(".");
    if (of_stage && Object.hasOwn(renamed, unknown)) {
      return `stage "${unknown}" is now called "${renamed[unknown]}"`;
    }
    const known = names.join(", ");
    return of_stage
      ? `no step uses a stage "${unknown}"; the stages are ${known}`
      : `there is no step "${unknown}"; the steps are ${known}; ` +
        `seed sets the recipe's seed, ${OF_STAGE}NAME all steps of a stage`;
  }
  return {
    steps: steps.filter((step) => nameOf(step) === name),
    rest: rest.slice(name.length + 1),
  };
}

/** The longest name that a path begins with: names may contain dots too. */
function longestHead(names: readonly string[], path: string): string | undefined {
  const heads = names.filter((name) => path === name || path.startsWith(`${name}.`));
  return heads.sort((a, b) => b.length - a.length)[0];
}

/** The step with one field set, or why it cannot be set. */
function overrideStep(
  step: StepDraft,
  stage: AnyStage,
  path: string,
  value: unknown,
  flag: string,
  renamed: Renamed,
): StepDraft | string {
  const root = Field.of(stage.config);
  const old_name = longestHead(Object.keys(renamed), `${stage.name}.${path}`);
  if (old_name !== undefined) {
    const old_path = old_name.slice(stage.name.length + 1);
    return `${whereOf(step)}: config.${old_path} is now called config.${renamed[old_name]}`;
  }
  if (path === "") return `name a field of ${whereOf(step)}${fieldsOf(root)}`;
  const keys: string[] = [];
  try {
    const config = setAt(step.config, root, path, value, keys);
    const field = keys.reduce((field, key) => field.at(key), root);
    const override = { path: keys, flag, allowed: field.description };
    return { ...step, config, overrides: [...step.overrides ?? [], override] };
  } catch (error) {
    return `${whereOf(step)}: ${(error as Error).message}`;
  }
}

/**
 * A copy of a value with one place in it set.
 *
 * @param path the rest of the path.
 * @param keys the parts of the path before it; gets the others.
 * @throws {TypeError} when there is no such place.
 */
function setAt(
  given: unknown,
  field: Field,
  path: string,
  value: unknown,
  keys: string[],
): unknown {
  if (path === "") return value;
  const at = ["config", ...keys].join(".");
  const container = (given ?? (field.is_list ? [] : {})) as Readonly<Record<string, unknown>>;
  if (typeof container !== "object") {
    throw new TypeError(`${at} is ${JSON.stringify(given)}, which has no fields; replace it`);
  }
  const names = [...Object.keys(container), ...field.names];
  const key = longestHead(names, path) ?? path.split(".")[0];
  if (Array.isArray(container)) checkIndex(container, key, at);
  const inner = field.at(key);
  if (inner.is_nothing) throw new TypeError(`${at} has no field "${key}"${fieldsOf(field)}`);
  keys.push(key);
  const old = Object.hasOwn(container, key) ? container[key] : undefined;
  const changed = setAt(old, inner, path.slice(key.length + 1), value, keys);
  if (!Array.isArray(container)) return { ...container, [key]: changed };
  return container.toSpliced(Number(key), 1, changed);
}

function fieldsOf(field: Field): string {
  return field.names.length === 0 ? "" : `; its fields are ${field.names.join(", ")}`;
}

function checkIndex(list: readonly unknown[], key: string, at: string): void {
  if (/^\d+$/.test(key) && Number(key) <= list.length) return;
  const existing = list.length === 0 ? "" : `use an index from 0 to ${list.length - 1}, or `;
  throw new TypeError(
    `${at} is a list: ${existing}${list.length} to add an entry, not "${key}"`,
  );
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
    const item = schema.prefixItems?.[Number(key)] ?? schema.items ?? {};
    return typeof item === "object" ? [item] : [];
  }
  if (properties && Object.hasOwn(properties, key)) return [properties[key]];
  if (typeof others === "object") return [others];
  // An object with declared fields has no others: its schema rejects or drops them.
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

/** Limits as text, without the one that every integer has. */
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
