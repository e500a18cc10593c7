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
 * | `{{`, `}}`          | a brace                                                             |
 *
 * Anything beyond that is a function in a dataset card.
 *
 * @module
 */

/** Columns of a record by name. */
export type Columns = Readonly<Record<string, unknown>>;

/** Makes a text from a record; `where` ("file:row") is for messages. */
export type Render = (record: Columns, where: string) => string;

/**
 * Compiles a column name or template.
 *
 * @throws {Error} for an unbalanced brace or bracket; the returned function throws `file:row: …` for a column
 *   that is missing or is neither text nor number.
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
  if (!/[{}]/.test(template)) return compilePath(template, template);
  const parts = template.match(/\{\{|\}\}|\{[^{}]+\}|[^{}]+|[{}]/g) ?? [];
  if (parts.some((part) => part === "{" || part === "}")) {
    throw new Error(
      `template ${
        JSON.stringify(template)
      } has an unpaired brace; write {{ or }} for a literal one`,
    );
  }
  const renders = parts.map((part) => compilePart(part, template));
  return (record, where) => renders.map((render) => render(record, where)).join("");
}

function compilePart(part: string, template: string): Render {
  if (part === "{{") return () => "{";
  if (part === "}}") return () => "}";
  return part.startsWith("{") ? compilePath(part.slice(1, -1), template) : () => part;
}

const PATH = /^[^.[\]]+(?:\.[^.[\]]+|\[[^[\]]*\])*$/;
const STEP = /\.([^.[\]]+)|\[([^[\]]*)\]/g;

/** Compiles `column.field[0]`; a column with exactly that name takes precedence. */
function compilePath(path: string, template: string): Render {
  const is_path = PATH.test(path);
  if (!is_path && /[[\]]/.test(path)) {
    throw new Error(
      `template ${JSON.stringify(template)}: "${path}" is not a path like column.field[0]`,
    );
  }
  const column = is_path ? /^[^.[\]]+/.exec(path)![0] : path;
  const steps = is_path ? [...path.slice(column.length).matchAll(STEP)] : [];
  return (record, where) => {
    if (Object.hasOwn(record, path)) return textOf(record[path], path, where);
    if (!Object.hasOwn(record, column)) {
      const columns = Object.keys(record).join(", ");
      throw new Error(
        `${where}: no column "${column}"; the record has ${columns || "no columns"}`,
      );
    }
    let value = record[column];
    for (const [, field, bracket] of steps) value = stepInto(value, field, bracket, path, where);
    return textOf(value, path, where);
  };
}

/** One step of a path: a field, an element, or all elements joined. */
function stepInto(
  value: unknown,
  field: string | undefined,
  bracket: string,
  path: string,
  where: string,
): unknown {
  if (field === undefined && Array.isArray(value) && !/^\d+$/.test(bracket)) {
    return value.map((element) => textOf(element, path, where)).join(bracket);
  }
  const key = field ?? bracket;
  const fits = field === undefined ? Array.isArray(value) : isObject(value);
  if (fits && Object.hasOwn(value as object, key)) return (value as Columns)[key];
  throw new Error(
    `${where}: "${path}": there is no ${field === undefined ? "element" : "field"} "${key}" in ${
      describe(value)
    }`,
  );
}

function textOf(value: unknown, path: string, where: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw new Error(`${where}: column "${path}" is ${describe(value)}, not text`);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}
