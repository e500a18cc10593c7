/**
 * Pre-tokenizers of `tokenizer.json`: they split a normalized text into words.
 *
 * @module
 */
import { byteCharacters } from "./normalizers.ts";
import {
  choice,
  flag,
  make,
  type Makers,
  type Part,
  parts,
  textSetting,
  wholeNumber,
} from "./settings.ts";
import {
  type Behavior,
  BEHAVIORS,
  characters,
  inverted,
  matches,
  type Pattern,
  regexSetting,
  splitAt,
} from "./split.ts";
import { isNumeric, isPunctuation, isSpace, WORD } from "./unicode.ts";

/**
 * Splits a piece of text, see {@linkcode splitAt}.
 *
 * @param is_first whether the piece starts where the document does.
 */
export type PreTokenizer = (text: string, is_first: boolean) => string[];

/** @throws {Error} for a pre-tokenizer that is not supported. */
export function makePreTokenizer(part: Part): PreTokenizer {
  return make("pre-tokenizer", part, PRE_TOKENIZERS);
}

const atSpaces = characters(isSpace), atPunctuation = characters(isPunctuation);

/** The words of GPT-2, see `../byte_level.ts`. */
const WORDS = matches(
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu,
);

const splitting = (pattern: Pattern, behavior: Behavior): PreTokenizer => (text) =>
  splitAt(text, pattern, behavior);

const PRE_TOKENIZERS: Makers<PreTokenizer> = {
  BertPreTokenizer: () =>
    sequence([splitting(atSpaces, "Removed"), splitting(atPunctuation, "Isolated")]),
  ByteLevel(part) {
    const prefix = flag(part, "add_prefix_space", true), regex = flag(part, "use_regex", true);
    return (text) => {
      const whole = prefix && !text.startsWith(" ") ? ` ${text}` : text;
      return (regex ? splitAt(whole, WORDS, "Isolated") : [whole]).map(byteCharacters);
    };
  },
  CharDelimiterSplit(part) {
    const delimiter = textSetting(part, "delimiter");
    return splitting(characters((character) => character === delimiter), "Removed");
  },
  Digits(part) {
    const behavior = flag(part, "individual_digits", false) ? "Isolated" : "Contiguous";
    return splitting(characters(isNumeric), behavior);
  },
  FixedLength(part) {
    const length = wholeNumber(part, "length", 1, 5);
    return (text) => {
      const all = Array.from(text), count = Math.ceil(all.length / length);
      return Array.from(
        { length: count },
        (_, i) => all.slice(i * length, (i + 1) * length).join(""),
      );
    };
  },
  Metaspace: metaspace,
  Punctuation: (part) => splitting(atPunctuation, choice(part, "behavior", BEHAVIORS, "Isolated")),
  Sequence: (part) => sequence(parts(part, "pretokenizers").map(makePreTokenizer)),
  Split(part) {
    const pattern = matches(regexSetting(part));
    const behavior = choice(part, "behavior", BEHAVIORS);
    return splitting(flag(part, "invert", false) ? inverted(pattern) : pattern, behavior);
  },
  Whitespace: () =>
    splitting(
      inverted(matches(new RegExp(`${WORD}+|[^\\p{White_Space}${WORD.slice(1)}+`, "gu"))),
      "Removed",
    ),
  WhitespaceSplit: () => splitting(atSpaces, "Removed"),
};

/** One after the other, each on the pieces of the one before. */
function sequence(steps: readonly PreTokenizer[]): PreTokenizer {
  return (text, is_first) =>
    steps.reduce(
      (pieces, step) =>
        pieces.flatMap((piece, i) => piece === "" ? [""] : step(piece, is_first && i === 0)),
      [text],
    );
}

const SCHEMES = ["always", "first", "never"] as const;

/** Blanks become visible, and a text may get one in front. */
function metaspace(part: Part): PreTokenizer {
  const replacement = textSetting(part, "replacement", "▁");
  // Older files have add_prefix_space instead.
  const given = choice(part, "prepend_scheme", SCHEMES, "always");
  const scheme = part.add_prefix_space === false ? "never" : given;
  const is_split = flag(part, "split", true);
  const pattern = characters((character) => character === replacement);
  return (text, is_first) => {
    let whole = text.replaceAll(" ", () => replacement);
    const may = scheme === "always" || scheme === "first" && is_first;
    if (may && !whole.startsWith(replacement)) whole = replacement + whole;
    return is_split ? splitAt(whole, pattern, "MergedWithNext") : [whole];
  };
}
