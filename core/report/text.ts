/**
 * Text of reports: numbers, lists, and escaped HTML. Page, terminal and captions agree because all of them format here.
 * Nothing depends on the reader's locale: a report has the same bytes everywhere.
 *
 * @module
 */

/** Shown for a value that was not measured. */
export const NOT_MEASURED = "–";

/**
 * A number with a fixed count of decimals; a dash for null, which was not measured.
 *
 * @example
 * ```ts
 * import { decimals } from "./text.ts";
 * import assert from "node:assert/strict";
 * assert.equal(decimals(2.34567), "2.346");
 * assert.equal(decimals(null), "–");
 * ```
 */
export function decimals(value: number | null, digits = 3): string {
  if (value === null || !Number.isFinite(value)) return NOT_MEASURED;
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/** A difference, always signed: "+0.120", "-0.043", and "0.000" where it rounds to zero. */
export function signed(value: number | null, digits = 3): string {
  const text = decimals(value, digits);
  return Number(text) > 0 ? `+${text}` : text;
}

/** An interval, "[-0.051, -0.017]"; empty without bounds. */
export function interval(low: number | null, high: number | null, format = decimals): string {
  return Number.isFinite(low) ? `[${format(low)}, ${format(high)}]` : "";
}

/** A count with thousands separators: 1234567 -> "1,234,567". */
export function count(value: number): string {
  if (!Number.isFinite(value)) return NOT_MEASURED;
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A share as a percentage: 0.2 -> "20.0%". */
export function percent(share: number | null): string {
  return share !== null && Number.isFinite(share) ? `${(100 * share).toFixed(1)}%` : NOT_MEASURED;
}

/** "a", "a and b", "a, b and c". */
export function list(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** A file name: lower case letters, digits and underscores only. */
export function fileName(...parts: readonly string[]): string {
  return parts.join("_").toLowerCase().replaceAll(/[^a-z0-9]+/g, "_").replaceAll(/^_|_$/g, "");
}

/** HTML that needs no further escaping. */
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
 * Template tag that escapes everything put in, except markup.
 *
 * @example
 * ```ts
 * import { html } from "./text.ts";
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

/** Marks text as HTML that needs no escaping; only for text made by this project. */
export function raw(text: string): Markup {
  return new Markup(text);
}
