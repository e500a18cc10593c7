/**
 * Tokenizers made of a trained one.
 *
 * @module
 */

/** Content of a tokenizer.json, as far as it is changed here. */
interface TokenizerJson {
  added_tokens: Record<string, unknown>[];
  normalizer: unknown;
  model: { vocab: Record<string, number> };
}

/**
 * A tokenizer with what Pythia's has: text is brought into NFC, and runs of 2 to 24 blanks are tokens of their own,
 * as is <|padding|>.
 */
export function pythiaLike(trained: TokenizerJson): TokenizerJson {
  const size = Object.keys(trained.model.vocab).length;
  const plain = { single_word: false, lstrip: false, rstrip: false };
  const runs = Array.from({ length: 23 }, (_, i) => " ".repeat(24 - i));
  const added = runs.map((content, i) => ({
    id: size + i,
    content,
    ...plain,
    normalized: true,
    special: false,
  }));
  const padding = {
    id: size + runs.length,
    content: "<|padding|>",
    ...plain,
    normalized: false,
    special: true,
  };
  return {
    ...trained,
    normalizer: { type: "NFC" },
    added_tokens: [...trained.added_tokens, ...added, padding],
  };
}
