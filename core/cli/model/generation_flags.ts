/**
 * Flags of the commands that generate text.
 *
 * @module
 */
import { UsageError } from "../shared/console.ts";

/** How tokens are chosen, and when a text ends. */
export interface GenerationFlags {
  readonly max_new_tokens: number;
  readonly temperature: number;
  readonly top_k: number;
  readonly top_p: number;
  readonly stop: readonly string[];
  readonly seed: number;
  readonly threads: number;
}

export const GENERATION_STRINGS = [
  "max-new-tokens",
  "temperature",
  "top-k",
  "top-p",
  "stop",
  "seed",
  "threads",
] as const;

export const GENERATION_HELP = `  --max-new-tokens N  tokens at most (default: 128)
  --temperature T     0 takes the likeliest token each time; 1 samples from the model's
                      distribution (default: 0.8)
  --top-k K           sample among the K likeliest tokens (default: 50; 0: all)
  --top-p P           sample among the likeliest tokens of this probability together (default: 1)
  --stop TEXT         end before this text; may be repeated
  --seed N            the same seed gives the same text (default: 0)
  --threads N         threads to compute with (default: 0, one for each core)`;

type Raw = Readonly<Partial<Record<typeof GENERATION_STRINGS[number], string | string[]>>>;

/** @throws {UsageError} naming the flag that is out of range. */
export function generationFlags(raw: Raw): GenerationFlags {
  const number = (
    name: typeof GENERATION_STRINGS[number],
    otherwise: number,
    [low, high]: readonly [number, number],
    whole: boolean,
  ) => {
    const text = raw[name];
    if (text === undefined) return otherwise;
    const value = text === "" ? NaN : Number(text);
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
    const range = high === Infinity ? `of at least ${low}` : `from ${low} to ${high}`;
    throw new UsageError(
      `--${name} takes a ${whole ? "whole " : ""}number ${range}, not ${text || "nothing"}`,
    );
  };
  const stop = [raw.stop ?? []].flat();
  if (stop.includes("")) throw new UsageError("--stop needs a text");
  const top_p = number("top-p", 1, [0, 1], false);
  if (top_p === 0) {
    throw new UsageError("--top-p 0 leaves no token to choose; take more, or --temperature 0");
  }
  return {
    max_new_tokens: number("max-new-tokens", 128, [1, Infinity], true),
    temperature: number("temperature", 0.8, [0, Infinity], false),
    top_k: number("top-k", 50, [0, Infinity], true),
    top_p,
    stop,
    seed: number("seed", 0, [0, 2 ** 53 - 1], true),
    threads: number("threads", 0, [0, 1024], true),
  };
}
