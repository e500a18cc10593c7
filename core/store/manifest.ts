/**
 * Manifests: what a finished step was made from and what it made. They hold no times and no paths.
 *
 * @module
 */
import type { Artifact } from "./artifact.ts";
import { canonicalJson, type Json, sha256 } from "./canonical.ts";

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

/** The text of a manifest, with the SHA-256 of its canonical JSON: a flipped digit in a size would be no other fault. */
export function formatManifest(manifest: Manifest): string {
  return canonicalJson({ ...manifest, sha256: sha256(canonicalJson(manifest)) }) + "\n";
}

/** Reads a manifest; undefined when the text is none, or was damaged (the step then counts as not run). */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const { sha256: digest, ...manifest } = JSON.parse(text) as Manifest & { sha256: string };
    const sound = manifest.format === MANIFEST_FORMAT && manifest.inputs && manifest.outputs &&
      digest === sha256(canonicalJson(manifest));
    return sound ? manifest : undefined;
  } catch {
    return undefined;
  }
}
