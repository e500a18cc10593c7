/**
 * Patterns in texts, and how a text is split at them.
 *
 * @module
 */
import { toRegExp } from "oniguruma-to-es";
import type { Part } from "./settings.ts";

/** A stretch of a text: end, and whether it is a match of the pattern. A stretch starts where the one before ends. */
export interface Stretch {
  readonly end: number;
  readonly is_match: boolean;
}

/** The stretches of a text, matches and what is between them. */
export type Pattern = (text: string) => Stretch[];

export const BEHAVIORS = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;

/** What becomes of the matches. */
export type Behavior = typeof BEHAVIORS[number];

/**
 * Splits a text at the matches of a pattern. Empty pieces are left out, but for one in front if the start of the text is
 * removed: the piece after it does not start where the text does.
 */
export function splitAt(text: string, pattern: Pattern, behavior: Behavior): string[] {
  const merged = MERGE[behavior](pattern(text));
  const pieces: string[] = [];
  let start = 0;
  for (const { end, is_match } of merged) {
    const is_removed = behavior === "Removed" && is_match;
    if (start < end && !is_removed) pieces.push(text.slice(start, end));
    else if (is_removed && start === 0) pieces.push("");
    start = end;
  }
  return pieces;
}

/** The order of events is that of `NormalizedString::split` in tokenizers 0.23. */
const MERGE: Readonly<Record<Behavior, (stretches: Stretch[]) => Stretch[]>> = {
  Removed: (stretches) => stretches,
  Isolated: (stretches) => stretches,
  Contiguous(stretches) {
    const result: Stretch[] = [];
    let previous = false;
    for (const stretch of stretches) {
      if (stretch.is_match === previous && result.length > 0) result.pop();
      result.push(stretch);
      previous = stretch.is_match;
    }
    return result;
  },
  MergedWithPrevious(stretches) {
    const result: Stretch[] = [];
    let previous = false;
    for (const stretch of stretches) {
      if (stretch.is_match && !previous && result.length > 0) result.pop();
      result.push(stretch);
      previous = stretch.is_match;
    }
    return result;
  },
  MergedWithNext(stretches) {
    // From the end: a match joins the piece after it, so its own end is no border.
    const result: Stretch[] = [];
    let previous = false;
    for (const stretch of stretches.toReversed()) {
      if (!(stretch.is_match && !previous && result.length > 0)) result.push(stretch);
      previous = stretch.is_match;
    }
    return result.reverse();
  },
};

/** Each character that belongs to a class is a match. */
export function characters(belongs: (character: string) => boolean): Pattern {
  return (text) => {
    const stretches: Stretch[] = [];
    let start = 0, at = 0;
    for (const character of text) {
      const end = at + character.length;
      if (belongs(character)) {
        if (start < at) stretches.push({ end: at, is_match: false });
        stretches.push({ end, is_match: true });
        start = end;
      }
      at = end;
    }
    if (start < at) stretches.push({ end: at, is_match: false });
    return stretches;
  };
}

/** The matches of a regular expression. */
export function matches(regex: RegExp): Pattern {
  return (text) => {
    const stretches: Stretch[] = [];
    let at = 0;
    for (const { index, 0: { length } } of text.matchAll(regex)) {
      if (at < index) stretches.push({ end: index, is_match: false });
      stretches.push({ end: index + length, is_match: true });
      at = index + length;
    }
    if (at < text.length) stretches.push({ end: text.length, is_match: false });
    return stretches;
  };
}

/** What is not a match becomes one, and the other way round. */
export function inverted(pattern: Pattern): Pattern {
  return (text) => pattern(text).map(({ end, is_match }) => ({ end, is_match: !is_match }));
}

/**
 * The regular expression of a setting `{"String": …}` or `{"Regex": …}`, the latter in the syntax of Oniguruma.
 *
 * @throws {Error} when it is neither, or cannot be expressed in JavaScript.
 */
export function regexSetting(part: Part): RegExp {
  const pattern = part.pattern as { String?: string; Regex?: string } | undefined;
  if (typeof pattern?.String === "string") return new RegExp(RegExp.escape(pattern.String), "gu");
  if (typeof pattern?.Regex === "string") return onigurumaRegex(pattern.Regex);
  throw new Error(
    `tokenizer.json: ${part.type}.pattern must be {"String": …} or {"Regex": …}, got ${
      JSON.stringify(pattern)
    }`,
  );
}

/** A regular expression of Oniguruma, which Hugging Face's Rust library uses. */
function onigurumaRegex(source: string): RegExp {
  try {
    const options = { global: true, rules: { captureGroup: true } };
    return toRegExp(withUnicodeWords(withoutSimpleCaseGroups(source)), options);
  } catch (error) {
    throw new Error(
      `tokenizer.json: the regular expression ${JSON.stringify(source)} is not supported (${
        (error as Error).message
      })`,
    );
  }
}

/** Characters of words in Oniguruma: in a class, and alone, where it also counts these of Latin-1. */
const IN_CLASS = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}`;
const ALONE = `[${IN_CLASS}²³¹¼½¾]`;
const NOT_ALONE = `[^${ALONE.slice(1)}`;

/** `\w`, `\W`, `\b` and `\B` written out, as `oniguruma-to-es` has other characters for them. */
function withUnicodeWords(source: string): string {
  const words: Readonly<Record<string, string>> = {
    "\\w": ALONE,
    "\\W": NOT_ALONE,
    "\\b": `(?:(?<=${ALONE})(?!${ALONE})|(?<!${ALONE})(?=${ALONE}))`,
    "\\B": `(?:(?<=${ALONE})(?=${ALONE})|(?<!${ALONE})(?!${ALONE}))`,
  };
  const in_class: Readonly<Record<string, string>> = { "\\w": IN_CLASS, "\\W": `[^${IN_CLASS}]` };
  let depth = 0;
  return source.replace(/\\.|\[:\^?\w+:\]|[[\]]/gsu, (part) => {
    if (part === "[") depth++;
    if (part === "]") depth = Math.max(0, depth - 1);
    return (depth > 0 ? in_class : words)[part] ?? part;
  });
}

/**
 * Groups such as `(?i:'s|[dt])` written out, as tokenizers have them: in JavaScript a group without case also lets
 * `\\p{L}` elsewhere in the expression match U+0345.
 */
function withoutSimpleCaseGroups(source: string): string {
  return source.replace(/\(\?i:([ -'*,./-9;-~]*)\)/g, (group, inner: string) => {
    if (/[-\\(){}^]/.test(inner)) return group;
    let depth = 0;
    const written = inner.replace(/[[\]a-z]/gi, (part) => {
      if (part === "[") depth++;
      if (part === "]") depth--;
      if (!/[a-z]/i.test(part)) return part;
      const lower = part.toLowerCase();
      const forms = lower + part.toUpperCase() +
        (lower === "s" ? "ſ" : lower === "k" ? "\u212a" : "");
      return depth > 0 ? forms : `[${forms}]`;
    });
    return `(?:${written})`;
  });
}
