/**
 * An HTML template tag: whatever is put in is escaped, unless it is markup already.
 *
 * @module
 */

/** HTML that is safe to put into a page as it is. */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

type Part = string | number | Markup | readonly Markup[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes text for HTML or XML, in content and in quoted attributes. */
export function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]);
}

/**
 * Template tag.
 *
 * @example
 * ```ts
 * import { html } from "./markup.ts";
 * import assert from "node:assert/strict";
 * assert.equal(String(html`<p>${"a < b"}</p>`), "<p>a &lt; b</p>");
 * ```
 */
export function html(literals: TemplateStringsArray, ...parts: Part[]): Markup {
  const filled = parts.map((part) => {
    if (part instanceof Markup) return part.text;
    return Array.isArray(part) ? part.join("") : escapeText(String(part));
  });
  return new Markup(literals.map((literal, i) => literal + (filled[i] ?? "")).join(""));
}

/** Marks text as HTML that needs no escaping; only for text we made ourselves. */
export function raw(text: string): Markup {
  return new Markup(text);
}
