/**
 * JSON as data files have it: numbers are never altered, and the `NaN` and `Infinity` that Python writes are read.
 *
 * @module
 */

/** Numbers that JavaScript writes in another way: `1.0`, `-0`, `1e5`, `0.0000001`; also within texts. */
const OTHER_TEXT = /[:,[\s](?:-?\d+\.\d*0|-0|-?\d+(?:\.\d+)?[eE][+-]?\d+|-?0\.000000\d+)\s*[,\]}]/;
/** Numbers that JSON.parse may alter: with 16 digits or more, or an exponent of 3 digits; also within texts. */
const LONG_NUMBER = /\d[\d.]{14,}\d(?:[eE][+-]?\d+)?|\d(?:\.\d+)?[eE][+-]?\d{3,}/g;
/** A string, or a constant outside of strings. */
const CONSTANT = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/gs;
/** Stands for NaN, which has no literal that JSON.parse reads. */
const NAN = "0.0e-7003";

/**
 * Parses JSON. A number that JavaScript would alter, such as an integer beyond 2^53, becomes the text in the file. `NaN`,
 * `Infinity` and `-Infinity` become these numbers.
 *
 * @param as_text whether numbers are only texts: those that JavaScript writes in another way, such as `1.0`, become texts
 *   too.
 * @throws {SyntaxError} when it is not JSON.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseJson } from "./json_text.ts";
 * const text = '{"id": 9007199254740993, "price": 19.9, "score": NaN}';
 * assert.deepEqual(parseJson(text), { id: "9007199254740993", price: 19.9, score: NaN });
 * assert.deepEqual(parseJson("[1.0, 1.5, 1e3]", true), ["1.0", 1.5, "1e3"]);
 * ```
 */
export function parseJson(text: string, as_text = false): unknown {
  const reviver = as_text ? asWritten : exactly;
  try {
    const may_differ = mayBeAltered(text) || (as_text && OTHER_TEXT.test(text));
    return may_differ ? JSON.parse(text, reviver) : JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    const plain = text.replace(CONSTANT, (part) => {
      if (part.startsWith('"')) return part;
      return part === "NaN" ? NAN : part.replace("Infinity", "1e999");
    });
    try {
      const withConstants: Reviver = (key, value, context) => {
        if (context?.source === NAN) return NaN;
        return context?.source?.endsWith("1e999") ? value : reviver(key, value, context);
      };
      return JSON.parse(plain, withConstants);
    } catch {
      throw error;
    }
  }
}

/** Whether a number may be altered; a reviver, which is slow, can then tell. */
function mayBeAltered(text: string): boolean {
  return text.match(LONG_NUMBER)?.some((number) => isAltered(number)) ?? false;
}

/** Of integers all beyond 2^53 count, so that they are texts in every format. */
function isAltered(number: string): boolean {
  if (/^-?\d+$/.test(number)) return !Number.isSafeInteger(Number(number));
  const read = String(Number(number));
  return read !== number && canonicalNumber(read) !== canonicalNumber(number);
}

type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

/** A reviver that keeps the text of a number that JavaScript writes in another way. */
function asWritten(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined) return value;
  return String(value) !== source || isAltered(source) ? source : value;
}

/** A reviver that keeps the text of a number that would be altered. */
function exactly(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined) return value;
  return isAltered(source) ? source : value;
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * The same text for all spellings of one number: `1.50` and `15e-1` are both `15e-1`.
 *
 * @returns undefined for a text that is not a JSON number.
 */
export function canonicalNumber(text: string): string | undefined {
  const [, sign, whole, fraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  if (whole === undefined || /^0\d/.test(whole)) return undefined;
  const digits = (whole + fraction).replace(/^0+/, "");
  const kept = digits.replace(/0+$/, "");
  if (kept === "") return "0";
  return `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}
