/**
 * Manifests: what a finished step was made from and what it made; `Store.writeManifest` (store.ts) writes them. They
 * contain no times and no paths. Keys and manifests
 * are hashed as canonical JSON: equal values give equal text, whatever the order of their keys.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Artifact } from "./artifact.ts";

/** Digest of each connected input port; for a `many` port the digest under each label. */
export type InputDigests = Record<string, string | Record<string, string>>;

/** Everything that decides what a step computes. */
export interface Identity {
  stage: string;
  version: string;
  config: Json;
  seed: number;
  inputs: InputDigests;
}

export interface Manifest extends Identity {
  format: typeof MANIFEST_FORMAT;
  outputs: Record<string, Artifact>;
}

export const MANIFEST_FORMAT = 1;

/** Key of a step's results: SHA-256 (hex) of the canonical JSON of its identity. */
export function artifactKey({ stage, version, config, seed, inputs }: Identity): string {
  return sha256(
    canonicalJson({ format: MANIFEST_FORMAT, stage, version, config, seed, inputs }),
  );
}

/** The text of a manifest. */
export const formatManifest = (manifest: Manifest): string => sealed(manifest) + "\n";

/** Parses a manifest; undefined when it is invalid or damaged. The step then counts as not run. */
export function parseManifest(text: string): Manifest | undefined {
  const manifest = unsealed<Manifest>(text);
  const is_valid = manifest?.format === MANIFEST_FORMAT && manifest.inputs && manifest.outputs;
  return is_valid ? manifest : undefined;
}

/** An object as canonical JSON with its SHA-256, without which a changed digit would go unnoticed. */
export function sealed(value: object): string {
  return canonicalJson({ ...value, sha256: sha256(canonicalJson(value)) });
}

/** The object that was sealed; undefined when the text is damaged, or was not made by `sealed`. */
export function unsealed<T extends object>(text: string): T | undefined {
  try {
    const { sha256: digest, ...value } = JSON.parse(text) as T & { sha256: string };
    return digest === sha256(canonicalJson(value)) ? value as unknown as T : undefined;
  } catch {
    return undefined;
  }
}

/** A value that JSON represents without loss. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/**
 * Writes a value as JSON with sorted keys. Properties that are `undefined` are omitted.
 *
 * @param value anything made of plain objects, arrays, strings, finite numbers, booleans and null.
 * @param path name of the value, for the message.
 * @throws {TypeError} naming the first part that JSON cannot represent: NaN, a function, a Date, a Map.
 *
 * @example
 * ```ts
 * import { canonicalJson } from "./manifest.ts";
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
  throw new TypeError(`${path} is ${what}, which JSON cannot represent; use plain data`);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** SHA-256 of bytes or of UTF-8 text, in hex. */
export function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}
