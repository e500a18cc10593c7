/**
 * Damaged versions of JSON files that other people write: each node deleted, or replaced by a value of another kind.
 *
 * @module
 */
import assert from "node:assert/strict";

type Path = readonly (string | number)[];

/** A damaged value, and what was done to it. */
export interface Mutant {
  readonly what: string;
  readonly value: unknown;
}

const REPLACEMENTS: readonly unknown[] = [
  ...[null, true, -1, 1.5, 2 ** 31, "", "x", "__proto__"],
  ...[[], { toString: 1 }, [null], { type: "constructor" }],
];

/**
 * @param value of the valid file.
 * @param most children of a node that are damaged: the first and the last ones, so that a vocabulary does not hide the
 *   settings.
 */
export function* mutants(value: unknown, most = 6): Generator<Mutant> {
  for (const path of paths(value, most)) {
    const where = path.join(".") || "the file";
    if (path.length > 0) {
      yield { what: `${where} deleted`, value: withNode(value, path, undefined) };
    }
    for (const replacement of REPLACEMENTS) {
      const what = `${where} replaced by ${JSON.stringify(replacement)}`;
      yield { what, value: withNode(value, path, replacement) };
    }
  }
}

function* paths(value: unknown, most: number, path: Path = []): Generator<Path> {
  yield path;
  if (typeof value !== "object" || value === null) return;
  const all = Object.entries(value), half = most / 2;
  const some = all.length > most ? [...all.slice(0, half), ...all.slice(-half)] : all;
  for (const [key, child] of some) {
    yield* paths(child, most, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

/** A copy with one node replaced, or removed where the replacement is undefined. */
function withNode(value: unknown, [first, ...rest]: Path, node: unknown): unknown {
  if (first === undefined) return node;
  if (Array.isArray(value)) {
    const inner = rest.length === 0 ? node : withNode(value[first as number], rest, node);
    return value.toSpliced(first as number, 1, ...(inner === undefined ? [] : [inner]));
  }
  const entries = Object.entries(value as object).flatMap(([key, child]) => {
    if (key !== first) return [[key, child]];
    const inner = rest.length === 0 ? node : withNode(child, rest, node);
    return inner === undefined ? [] : [[key, inner]];
  });
  return Object.fromEntries(entries);
}

/**
 * Uses every mutant; each has to work, or to fail with an error of the project.
 *
 * @param named what a message has to contain, such as the name of the file.
 * @returns how many there were, and how many worked.
 */
export async function assertRefused(
  all: Iterable<Mutant>,
  use: (value: unknown) => unknown,
  named: RegExp,
): Promise<{ mutants: number; valid: number }> {
  const raw = [TypeError, RangeError, SyntaxError, ReferenceError, URIError, DOMException];
  let mutants = 0, valid = 0;
  const bad = new Map<string, string>();
  for (const { what, value } of all) {
    mutants++;
    try {
      await use(value);
      valid++;
    } catch (error) {
      const { message, stack = "" } = error as Error;
      if (!raw.some((kind) => error instanceof kind) && named.test(message)) continue;
      const place = stack.split("\n").find((line) => /^\s+at /.test(line))?.trim() ?? "";
      bad.set(`${message.slice(0, 120)} ${place}`, what);
    }
  }
  const shown = [...bad].map(([message, what]) => `${what}: ${message}`);
  assert.ok(shown.length === 0, `not refused:\n${shown.join("\n")}`);
  return { mutants, valid };
}
