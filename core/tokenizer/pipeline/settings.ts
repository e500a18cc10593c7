/**
 * Reading the parts of a `tokenizer.json`: settings with their types, and refusal of what is not supported.
 *
 * @module
 */

/** A part of a `tokenizer.json`, such as a normalizer. */
export interface Part {
  readonly type?: string;
  readonly [setting: string]: unknown;
}

/** What makes a part of each type. */
export type Makers<Made> = Readonly<Record<string, (part: Part) => Made>>;

/**
 * Makes a part by its type.
 *
 * @param what kind of part, for the message.
 * @throws {Error} for a type that is not supported, with those that are.
 */
export function make<Made>(what: string, part: Part, makers: Makers<Made>): Made {
  const { type = "" } = Object(part) as Part;
  if (typeof type === "string" && Object.hasOwn(makers, type)) return makers[type](part);
  throw new Error(
    `tokenizer.json: the ${what} ${JSON.stringify(type)} is not supported; supported: ${
      Object.keys(makers).join(", ")
    }`,
  );
}

/** The parts in a list, such as those of a Sequence. @throws {Error} when it is not a list. */
export function parts(part: Part, setting: string): Part[] {
  const list = part[setting];
  if (Array.isArray(list)) return list;
  throw new Error(`tokenizer.json: ${part.type}.${setting} must be a list`);
}

/** A text. @throws {Error} when it is missing or not a text. */
export function textSetting(part: Part, setting: string, missing?: string): string {
  const value = part[setting] ?? missing;
  if (typeof value === "string") return value;
  throw new Error(`tokenizer.json: ${part.type}.${setting} must be a text, got ${show(value)}`);
}

/** A yes or no. @throws {Error} when it is neither. */
export function flag(part: Part, setting: string, missing: boolean): boolean {
  const value = part[setting] ?? missing;
  if (typeof value === "boolean") return value;
  throw new Error(
    `tokenizer.json: ${part.type}.${setting} must be true or false, got ${show(value)}`,
  );
}

/** A number from `least` on. @throws {Error} when it is anything else. */
export function wholeNumber(part: Part, setting: string, least: number, missing?: number): number {
  const value = part[setting] ?? missing;
  if (Number.isInteger(value) && value as number >= least) return value as number;
  throw new Error(
    `tokenizer.json: ${part.type}.${setting} must be a whole number >= ${least}, got ${
      show(value)
    }`,
  );
}

/** One of some names. @throws {Error} for any other. */
export function choice<Name extends string>(
  part: Part,
  setting: string,
  names: readonly Name[],
  missing?: Name,
): Name {
  const value = part[setting] ?? missing;
  if (names.includes(value as Name)) return value as Name;
  throw new Error(
    `tokenizer.json: ${part.type}.${setting} must be one of ${names.join(", ")}, got ${
      show(value)
    }`,
  );
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
