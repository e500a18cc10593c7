/**
 * Text of others in Markdown: names, licences and descriptions come from datasets and recipes, and a hub renders the
 * card as HTML.
 *
 * @module
 */
import { visible } from "../stage/mod.ts";

const ENTITIES: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;" };

/** What else Markdown gives a meaning: links, emphasis, code, tables, and headings at the start. */
const MARKUP = /[\\`*[\]|~$]|(?<!\w)_|_(?!\w)|^#/g;

const oneLine = (text: string) => visible(text.replace(/\s+/g, " ").trim());

/**
 * Shows a text as it is, on one line.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { plainText } from "./markdown.ts";
 * assert.equal(plainText("<b>[my_set]"), String.raw`&lt;b&gt;\[my_set\]`);
 * ```
 */
export function plainText(text: string): string {
  return oneLine(text).replace(MARKUP, "\\$&").replace(/[<>&]/g, (sign) => ENTITIES[sign]);
}

/** A text as code, between more backticks than it has in a row. */
export function codeSpan(text: string): string {
  const line = oneLine(text);
  const longest = Math.max(0, ...Array.from(line.matchAll(/`+/g), ([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return longest === 0 ? `${fence}${line}${fence}` : `${fence} ${line} ${fence}`;
}

/** A table of plain texts. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(head),
    line(head.map(() => "---")),
    ...rows.map((row) => line(row.map(plainText))),
  ].join("\n");
}
