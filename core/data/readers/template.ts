/**
 * Text made from the columns of a record, by a column name or a template such as
 * `"Question: {question}\nAnswer: {answer}"`. Being plain strings, they fit in a config and in its key.
 *
 * @module
 */
import type { JsonlRecord } from "./jsonl.ts";

/** Makes a text from a record; `where` ("file:row") is for messages. */
export type Render = (record: JsonlRecord["value"], where: string) => string;

/**
 * Compiles a column name or template. A text without `{…}` is a column name; `{{` and `}}` stand for braces.
 *
 * @throws {Error} for an unbalanced brace; the returned function throws `file:row: …` for a column that is
 *   missing or is neither text nor number.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { compileTemplate } from "./template.ts";
 * const render = compileTemplate("Q: {question} {{A}}");
 * assert.equal(render({ question: "Why?" }, "a.jsonl:1"), "Q: Why? {A}");
 * ```
 */
export function compileTemplate(template: string): Render {
  if (!/[{}]/.test(template)) return (record, where) => columnText(record, template, where);
  const parts = template.match(/\{\{|\}\}|\{[^{}]+\}|[^{}]+|[{}]/g) ?? [];
  if (parts.some((part) => part === "{" || part === "}")) {
    throw new Error(
      `template ${
        JSON.stringify(template)
      } has an unpaired brace; write {{ or }} for a literal one`,
    );
  }
  return (record, where) => parts.map((part) => renderPart(part, record, where)).join("");
}

function renderPart(part: string, record: JsonlRecord["value"], where: string): string {
  if (part === "{{") return "{";
  if (part === "}}") return "}";
  return part.startsWith("{") ? columnText(record, part.slice(1, -1), where) : part;
}

function columnText(record: JsonlRecord["value"], column: string, where: string): string {
  const value = record[column];
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  const columns = Object.keys(record).join(", ");
  throw new Error(
    value === undefined
      ? `${where}: no column "${column}"; the record has ${columns || "no columns"}`
      : `${where}: column "${column}" holds ${describe(value)}, not text`,
  );
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}
