/**
 * Text that other people or a model wrote, made safe to show.
 *
 * @module
 */

/**
 * Control characters but tab and line end (ESC and C1 move a terminal's cursor, or make it answer), lone surrogates, and
 * the marks that reorder text (Unicode's Bidi_Control).
 */
const HIDDEN = /[[\p{Cc}\p{Cs}\p{Bidi_Control}]--[\t\n]]/gv;

/**
 * Shows characters that a terminal would obey as escapes. Tabs and line ends stay. The escapes are those of JSON, so that
 * a line of JSON keeps its meaning; text that is already visible does not change.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { visible } from "./visible.ts";
 * assert.equal(visible("a\x1b[2Jb\u202e\n"), "a\\u001b[2Jb\\u202e\n");
 * ```
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** As `visible`, for names and messages of which a line shows one: line ends are shown, too. */
export const visibleLine = (text: string): string => visible(text).replaceAll("\n", "\\n");
