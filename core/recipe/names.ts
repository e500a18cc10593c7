/**
 * Names that a recipe gives to itself, its steps, and what its configs and inputs contain. They become folders, files and
 * keys of objects, so those that would not work as such are refused before anything runs.
 *
 * @module
 */

import { keyFault } from "../words/mod.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.+-]*$/;
/** What the program itself writes to the output folder, beside the published files in the folder of a recipe. */
const OWN_FOLDERS = new Set(["store", "runs", "launch", "exports"]);
/** `lock.json`, `runner.lock`, and files that are being written. */
const OWN_ENDING = /\.(json|lock|tmp)$/i;

/** What is wrong with the name of a recipe. */
export function recipeNameFault(name: string): string | undefined {
  const fault = idFault("recipe name", name);
  if (fault !== undefined) return fault;
  return OWN_FOLDERS.has(name.toLowerCase()) || OWN_ENDING.test(name)
    ? `recipe name "${name}" is reserved: the output folder has files of such names; choose another`
    : undefined;
}

/** What is wrong with the name of a recipe or the id of a step. */
export function idFault(what: string, name: string): string | undefined {
  if (!NAME.test(name)) return `invalid ${what} "${name}"; use letters, digits and _.+-`;
  const fault = keyFault(name);
  return fault && `${what}: ${fault}`;
}

/**
 * The sources, fields and other keys in a value that cannot be used.
 *
 * @param path of the value.
 * @returns a sentence for each, with its place.
 */
export function keyFaults(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => keyFaults(item, `${path}.${i}`));
  if (typeof value !== "object" || value === null) return [];
  const own = Object.entries(value).flatMap(([key, inner]) => {
    const fault = keyFault(key);
    return fault === undefined ? keyFaults(inner, `${path}.${key}`) : [`${path}: ${fault}`];
  });
  return hasForeignPrototype(value) ? [...own, `${path}: ${keyFault("__proto__")}`] : own;
}

/** `{ __proto__: value }` in code sets the prototype, which is then a plain object and not that of a class. */
export function hasForeignPrototype(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype !== null && prototype !== Object.prototype &&
    !Object.hasOwn(prototype, "constructor");
}
