/**
 * JSON text, with what `JSON.parse` passes over.
 *
 * @module
 */

const STRING = /"(?:[^"\\]|\\.)*"/.source;
const TOKEN = new RegExp(`(?<key>${STRING})\\s*:|${STRING}|[{}[\\]]`, "g");

/**
 * Keys that stand twice in one object, of which `JSON.parse` keeps the last.
 *
 * @param text valid JSON.
 * @returns a sentence for each, with the place.
 *
 * @example
 * ```ts
 * import { repeatedKeys } from "./json_text.ts";
 * import assert from "node:assert/strict";
 *
 * const text = '{ "steps": { "a": [{ "b": 1, "b": "a:" }], "a": 2 } }';
 * assert.deepEqual(repeatedKeys(text), ['steps.a: "b" stands twice', 'steps: "a" stands twice']);
 * ```
 */
export function repeatedKeys(text: string): string[] {
  const open: { keys: Set<string>; last?: string }[] = [];
  const repeated: string[] = [];
  for (const { 0: token, groups } of text.matchAll(TOKEN)) {
    const object = open.at(-1);
    if (token === "{" || token === "[") open.push({ keys: new Set() });
    else if (token === "}" || token === "]") open.pop();
    else if (groups?.key !== undefined) {
      const key: string = JSON.parse(groups.key);
      const path = open.slice(0, -1).flatMap(({ last }) => last ?? []).join(".");
      if (object!.keys.has(key)) repeated.push(`${path || "the recipe"}: "${key}" stands twice`);
      object!.keys.add(key);
      object!.last = key;
    }
  }
  return repeated;
}
