/**
 * The models and batches that are timed.
 *
 * @module
 */
import {
  completeConfig,
  type ModelConfig,
  type PresetName,
  PRESETS,
} from "../../core/model/mod.ts";

export interface Size {
  readonly name: PresetName;
  readonly config: ModelConfig;
  /** Sequences per step, B. */
  readonly rows: number;
  /** Tokens per sequence, T. */
  readonly length: number;
  /** Optimizer steps per turn unless the command line says otherwise: a few seconds' worth. */
  readonly steps: number;
  /** Needs more memory than most machines have to spare: only when asked for. */
  readonly on_request?: boolean;
}

function size(name: PresetName, vocab_size: number, shape: Omit<Size, "name" | "config">): Size {
  return { name, config: completeConfig(PRESETS[name], vocab_size), ...shape };
}

/** Pythia's vocabulary, padded to a multiple of 128. */
const PYTHIA_VOCABULARY = 50304;

export const SIZES: readonly Size[] = [
  size("mini", 4096, { rows: 16, length: 256, steps: 15 }),
  size("small", 8192, { rows: 16, length: 256, steps: 4 }),
  size("pythia-14m", PYTHIA_VOCABULARY, { rows: 4, length: 512, steps: 4 }),
  size("pythia-70m", PYTHIA_VOCABULARY, { rows: 4, length: 512, steps: 2 }),
  size("pythia-160m", PYTHIA_VOCABULARY, { rows: 2, length: 512, steps: 1 }),
  size("pythia-410m", PYTHIA_VOCABULARY, { rows: 1, length: 256, steps: 1, on_request: true }),
];
