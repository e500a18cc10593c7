/**
 * The text of a recipe as data: JSON or YAML, without altering any number.
 *
 * @module
 */
import { parseDocument } from "yaml";

/** An integer beyond 2^53, or a number too large for JavaScript: the text in the file. */
class Inexact {
  constructor(readonly source: string) {}
}

/** What a recipe file says. */
export interface RecipeText {
  readonly value: unknown;
  /** A sentence for each thing that a parser would silently change. */
  readonly problems: readonly string[];
}

/** @throws {Error} in one sentence when it is not JSON. */
export function parseJsonRecipe(text: string): RecipeText {
  // A byte order mark, as Windows editors write it.
  const plain = text.replace(/^\ufeff/, "");
  let value: unknown;
  try {
    value = JSON.parse(plain, exactly);
  } catch (error) {
    // V8 quotes the text with its line breaks.
    const reason = (error as Error).message.replace(/ is not valid JSON$/, "").replace(/\s+/g, " ");
    const has_comment = /(^|[,{}[\]])\s*\/[/*]/m.test(plain);
    const how = has_comment ? "; remove its comments, or write the recipe as YAML" : "";
    throw new Error(`it is not valid JSON (${reason})${how}`);
  }
  const checked = checkValues(value);
  return { value: checked.value, problems: [...repeatedKeys(plain), ...checked.problems] };
}

/** @throws {Error} in one sentence when it is not YAML. */
export function parseYamlRecipe(text: string): RecipeText {
  const document = parseDocument(text.replace(/^\ufeff/, ""), { intAsBigInt: true, merge: true });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new Error(`it is not valid YAML (${error.message.split("\n")[0].replace(/:$/, "")})`);
  }
  return checkValues(document.toJS());
}

/** A reviver that marks numbers that would be altered. */
function exactly(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number") return value;
  const source = context?.source ?? String(value);
  const is_integer = /^-?\d+$/.test(source);
  const is_exact = is_integer ? Number.isSafeInteger(value) : Number.isFinite(value);
  return is_exact ? value : new Inexact(source);
}

/**
 * Numbers that JavaScript cannot represent: exact text where values of data are named (`where`), and refused elsewhere.
 * And names that it would lose.
 */
function checkValues(value: unknown): RecipeText {
  const problems: string[] = [];
  const visit = (value: unknown, path: readonly string[]): unknown => {
    if (typeof value === "bigint") {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : visit(new Inexact(String(value)), path);
    }
    if (value instanceof Inexact) {
      if (!path.includes("where")) {
        problems.push(
          `${
            path.join(".")
          }: ${value.source} is a number that would be rounded; if it is text, put it in quotes`,
        );
      }
      return value.source;
    }
    if (Array.isArray(value)) return value.map((item, at) => visit(item, [...path, String(at)]));
    if (typeof value !== "object" || value === null) return value;
    const fields = Object.entries(value).flatMap(([key, field]) => {
      if (key !== "__proto__") return [[key, visit(field, [...path, key])]];
      problems.push(
        `${
          path.join(".") || "the recipe"
        }: the name "__proto__" has a meaning in JavaScript; choose another`,
      );
      return [];
    });
    return Object.fromEntries(fields);
  };
  return { value: visit(value, []), problems };
}

const STRING = /"(?:[^"\\]|\\.)*"/.source;
const TOKEN = new RegExp(`(?<key>${STRING})\\s*:|${STRING}|[{}[\\]]`, "g");

/**
 * Finds keys that appear twice in one object; `JSON.parse` silently keeps the last.
 *
 * @param text valid JSON.
 * @returns a sentence for each, with the place.
 *
 * @example
 * ```ts
 * import { repeatedKeys } from "./recipe_text.ts";
 * import assert from "node:assert/strict";
 *
 * const text = '{ "steps": { "a": [{ "b": 1, "b": "a:" }], "a": 2 } }';
 * assert.deepEqual(repeatedKeys(text), ['steps.a: "b" appears twice', 'steps: "a" appears twice']);
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
      if (object!.keys.has(key)) repeated.push(`${path || "the recipe"}: "${key}" appears twice`);
      object!.keys.add(key);
      object!.last = key;
    }
  }
  return repeated;
}
