/**
 * Text from the columns of a record, given by a column name or a template such as
 * `"Question: {question}\nAnswer: {answer}"`: a plain string, so that it can be part of a config and its key.
 *
 * | template            | text                                                                |
 * | ------------------- | ------------------------------------------------------------------- |
 * | `question`          | without braces: the column of that name                             |
 * | `{question}`        | the column, inside other text                                       |
 * | `{answers.text[0]}` | a field `.name` and an element `[0]`, counted from 0, of a column   |
 * | `{options[, ]}`     | all elements of a list, joined by the text in the brackets          |
 * | `{hint?}`           | the same as `{hint}`, or nothing if it is missing                   |
 * | `{hint\|none}`      | the same, or the text after the bar if it is missing or empty       |
 * | `{{`, `}}`          | a brace                                                             |
 *
 * A value is missing if there is no such column, field or element, or if it is null or NaN. Anything beyond that is a
 * function in a dataset card.
 *
 * @module
 */

import { counted } from "../words/mod.ts";
import type { ColumnUse } from "./reading.ts";

/** Columns of a record by name. */
export type Columns = Readonly<Record<string, unknown>>;

/** Makes a text from a record; `where` ("file:row") is for messages. */
export type Render = (record: Columns, where: string) => string;

/**
 * Compiles a column name or template.
 *
 * @throws {Error} for an unbalanced brace or bracket; the returned function throws `file:row: …` for a column
 *   that is missing or is neither text nor number. Bytes are text if they are UTF-8.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { compileTemplate } from "./template.ts";
 * const render = compileTemplate("Q: {question} {{{options[ or ]}}}");
 * assert.equal(render({ question: "Why?", options: ["A", "B"] }, "a.jsonl:1"), "Q: Why? {A or B}");
 * const first = compileTemplate("answers.text[0]");
 * assert.equal(first({ answers: { text: ["Because."] } }, "a.jsonl:1"), "Because.");
 * ```
 */
export function compileTemplate(template: string): Render {
  const renders = partsOf(template).map((part) =>
    typeof part === "string" ? () => part : compilePath(part, template)
  );
  return (record, where) => renders.map((render) => render(record, where)).join("");
}

/** The columns that a column name or template uses. @throws {Error} like {@link compileTemplate}. */
export function columnsOf(template: string): ColumnUse[] {
  return partsOf(template).flatMap((part) => {
    if (typeof part === "string") return [];
    const { whole, path, fallback } = part;
    return [{
      names: [...new Set([whole, path, columnOf(path)])],
      is_optional: fallback !== undefined,
    }];
  });
}

/**
 * Finds lists of which templates take elements by number (`{messages[0]}`) and that have more of them than are taken.
 *
 * @returns for a record the path of the first such list.
 */
export function findUnusedElements(
  templates: readonly string[],
): (record: Columns) => string | undefined {
  /** Number of elements that the templates reach, by path of the list. */
  const reach = new Map<string, number>();
  for (const part of templates.flatMap(partsOf)) {
    const [, list, index] = typeof part === "string" ? [] : /^(.+?)\[(\d+)\]/.exec(part.path) ?? [];
    if (list !== undefined) reach.set(list, Math.max(reach.get(list) ?? 0, Number(index) + 1));
  }
  const lists = [...reach].map(([list, taken]) => ({ list, fields: list.split("."), taken }));
  return (record) =>
    lists.find(({ fields, taken }) => {
      let value: unknown = record;
      for (const field of fields) value = isObject(value) ? (value as Columns)[field] : undefined;
      return Array.isArray(value) && value.length > taken;
    })?.list;
}

/** A reference to a column. */
interface Reference {
  /** All that is between the braces: a column with exactly that name takes precedence. */
  readonly whole: string;
  readonly path: string;
  /** The text if the column is missing. */
  readonly fallback?: string;
}

/** Literal texts and references. */
function partsOf(template: string): (string | Reference)[] {
  if (!/[{}]/.test(template)) return [reference(template)];
  const parts = template.match(/\{\{|\}\}|\{[^{}]+\}|[^{}]+|[{}]/g) ?? [];
  return parts.map((part) => {
    if (part === "{{") return "{";
    if (part === "}}") return "}";
    if (part !== "{" && part !== "}") {
      return part.startsWith("{") ? reference(part.slice(1, -1)) : part;
    }
    throw new Error(
      `template ${
        JSON.stringify(template)
      } has an unpaired brace; write {{ or }} for a literal one`,
    );
  });
}

function reference(whole: string): Reference {
  const [, path, optional, fallback] =
    /^((?:[^|[\]]|\[[^[\]]*\])+?)(?:(\?)|\|(.*))$/s.exec(whole) ?? [];
  if (optional !== undefined) return { whole, path, fallback: "" };
  return fallback === undefined ? { whole, path: whole } : { whole, path, fallback };
}

const PATH = /^[^.[\]]+(?:\.[^.[\]]+|\[[^[\]]*\])*$/;
const STEP = /\.([^.[\]]+)|\[([^[\]]*)\]/g;

function columnOf(path: string): string {
  return PATH.test(path) ? /^[^.[\]]+/.exec(path)![0] : path;
}

/** Takes a value out of a record; see {@link compileColumn}. */
export type FindValue = (record: Columns, where: string) => unknown;

/**
 * Compiles `column.field[0]` to a function that finds the value; a column with exactly that name takes precedence.
 *
 * @throws {Error} for what is not a path; the returned function throws `file:row: …` where there is no such value.
 */
export function compileColumn(path: string, template = path): FindValue {
  if (!PATH.test(path) && /[[\]]/.test(path)) {
    throw new Error(
      `template ${JSON.stringify(template)}: "${path}" is not a path like column.field[0]`,
    );
  }
  const column = columnOf(path);
  const steps = PATH.test(path) ? [...path.slice(column.length).matchAll(STEP)] : [];
  return (record, where) => {
    if (Object.hasOwn(record, path)) return record[path];
    if (!Object.hasOwn(record, column)) {
      const columns = Object.keys(record).join(", ");
      throw new MissingValue(
        `${where}: no column "${column}"; the record has ${columns || "no columns"}`,
        false,
      );
    }
    let value = record[column], place = column;
    for (const [step, field, bracket] of steps) {
      value = stepInto(value, field, bracket, place, where);
      place += step;
    }
    return value;
  };
}

/** Compiles a reference to the text of its value. */
function compilePath({ whole, path, fallback }: Reference, template: string): Render {
  const find = compileColumn(path, template);
  return (record, where) => {
    if (whole !== path && Object.hasOwn(record, whole)) return textOf(record[whole], whole, where);
    try {
      const text = textOf(find(record, where), path, where);
      return text === "" && fallback !== undefined ? fallback : text;
    } catch (error) {
      if (fallback !== undefined && error instanceof MissingValue) return fallback;
      // Not the class that tells this module that a value is missing.
      if (!(error instanceof MissingValue)) throw error;
      throw new Error(error.message + (error.is_null ? howToAllow(path) : ""));
    }
  };
}

/** There is no such value, which a wrong name may explain, or it is null (NaN, an element beyond the end). */
class MissingValue extends Error {
  constructor(message: string, readonly is_null: boolean) {
    super(message);
  }
}

/**
 * One step of a path: a field, an element, or all elements joined.
 *
 * @param place path of the value, for messages.
 */
function stepInto(
  value: unknown,
  field: string | undefined,
  bracket: string,
  place: string,
  where: string,
): unknown {
  if (field === undefined && Array.isArray(value) && !/^\d+$/.test(bracket)) {
    return value.map((element, i) => textOf(element, `${place}[${i}]`, where)).join(bracket);
  }
  const key = field ?? bracket;
  const fits = field === undefined ? Array.isArray(value) : isObject(value);
  if (fits && Object.hasOwn(value as object, key)) return (value as Columns)[key];
  const is_short = field === undefined && Array.isArray(value);
  const is_null = is_short || value === null;
  throw new MissingValue(`${where}: column "${place}" ${lack(value, field, key)}`, is_null);
}

/** What is wrong with a value that has not the field or element `key`. */
function lack(value: unknown, field: string | undefined, key: string): string {
  const is_field = field !== undefined;
  if (is_field && isObject(value)) return `has no field "${key}"; ${fieldsOf(value as Columns)}`;
  if (!is_field && Array.isArray(value) && value.length > 0) {
    return `has ${counted(value.length, "element")}, so there is no [${key}] (the first is [0])`;
  }
  const is_empty = Array.isArray(value) && value.length === 0;
  const lacks = is_field ? `, so it has no field "${key}"` : is_empty ? "" : ", not a list";
  return `is ${describe(value)}${lacks}`;
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(value: unknown, path: string, where: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" && !Number.isNaN(value)) return String(value);
  if (value instanceof Uint8Array) {
    try {
      return DECODER.decode(value);
    } catch {
      throw new Error(`${where}: column "${path}" is binary and not UTF-8 text`);
    }
  }
  const is_missing = value === null || value === undefined || typeof value === "number";
  const message = `${where}: column "${path}" is ${describe(value)}, not text`;
  throw is_missing ? new MissingValue(message, true) : new Error(message + howTo(value, path));
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return "text";
  if (Array.isArray(value)) {
    return value.length === 0 ? "an empty list" : `a list of ${counted(value.length, "element")}`;
  }
  return Object.keys(value as object).length === 0 ? "an empty object" : "an object";
}

const MAX_FIELDS = 8;

function fieldsOf(value: Columns): string {
  const names = Object.keys(value);
  if (names.length === 0) return "it is empty";
  const shown = names.length > MAX_FIELDS ? [...names.slice(0, MAX_FIELDS), "…"] : names;
  return `${names.length === 1 ? "its only field is" : "its fields are"} ${shown.join(", ")}`;
}

/** How records without a value are read. */
function howToAllow(path: string): string {
  return `; write {${path}?} where it may be missing, or leave such records out with on_error: "skip"`;
}

/** How a template takes a text out of a value. */
function howTo(value: unknown, path: string): string {
  if (Array.isArray(value)) {
    return value.length === 0
      ? ""
      : `; write {${path}[0]} for its first element, or {${path}[, ]} for all`;
  }
  if (!isObject(value)) return "";
  const [name] = Object.keys(value as object);
  if (name === undefined) return "";
  return ` (${fieldsOf(value as Columns)}); name a field, as in {${path}.${name}}`;
}
