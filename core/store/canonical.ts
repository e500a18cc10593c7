/**
 * Canonical JSON: equal values give equal text, whatever order their keys were made in. Keys and manifests
 * are hashed in this form.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** A value that JSON can carry without loss. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/**
 * Writes a value as JSON with sorted keys. Properties that are `undefined` are left out.
 *
 * @param value anything made of plain objects, arrays, strings, finite numbers, booleans and null.
 * @param path name of the value, for the message.
 * @throws {TypeError} naming the first part that JSON cannot carry: NaN, a function, a Date, a Map.
 *
 * @example
 * ```ts
 * import { canonicalJson } from "./canonical.ts";
 * import assert from "node:assert/strict";
 * assert.equal(canonicalJson({ b: 1, a: [true, undefined, -0] }), '{"a":[true,null,0],"b":1}');
 * ```
 */
export function canonicalJson(value: unknown, path = "value"): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.map((item, i) => canonicalJson(item, `${path}[${i}]`)).join(",")}]`;
  }
  if (typeof value === "object" && isPlain(value)) {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item, `${path}.${key}`)}`);
    return `{${entries.join(",")}}`;
  }
  const what = typeof value === "object" ? value.constructor?.name ?? "object" : String(value);
  throw new TypeError(`${path} is ${what}, which JSON cannot carry; use plain data`);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** SHA-256 of bytes or of UTF-8 text, in hex. */
export function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}
