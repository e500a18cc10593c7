/**
 * Reproducible randomness: every random number is a function of (seed, phase, step), never of what was drawn
 * before, so work can resume at any step without replay.
 *
 * @module
 */
export { permute, Random } from "./random.ts";
