/**
 * Names that people give to what programs keep in objects and files.
 *
 * @module
 */

/** File systems allow 255 bytes; files are named after two names and more. */
const MAX_LENGTH = 100;

/**
 * Why a label, source or field cannot have a name: looking it up in an object finds what every object has, assigning it
 * loses the value, or no file could be named after it.
 */
export function keyFault(name: string): string | undefined {
  if (name in Object.prototype) {
    return `the name "${name}" has a meaning in JavaScript; choose another`;
  }
  if (name.length <= MAX_LENGTH) return undefined;
  return `the name "${
    name.slice(0, 20)
  }…" has ${name.length} characters; use at most ${MAX_LENGTH}`;
}
