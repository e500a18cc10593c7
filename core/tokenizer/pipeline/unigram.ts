/**
 * The Unigram model: the most likely segmentation of a word (Kudo 2018).
 *
 * @module
 */
import { flag, type Part } from "./settings.ts";
import { byteIds, type Model, refuseUnknown, vocabulary } from "./vocabulary.ts";

/** A character that is in no token scores this much less than the least likely token. */
const UNKNOWN_PENALTY = 10;

/** The best path to a place of the word: its last token and where that starts. */
interface Path {
  readonly score: number;
  readonly start: number;
  readonly id: number | undefined;
}

/** Finds the path with the largest sum of log-probabilities, as `encode_optimized` in tokenizers 0.23 does. */
export function unigram(part: Part): Model {
  const ids = vocabulary(part);
  const scores = (part.vocab as [string, number][]).map(([, score]) => score);
  const prefixes = prefixesOf(ids.keys());
  const unknown = part.unk_id as number | null ?? undefined;
  const byte_fallback = flag(part, "byte_fallback", false);
  const fuse = flag(part, "fuse_unk", true);
  const unknown_score = scores.reduce((least, score) => Math.min(least, score), Infinity) -
    UNKNOWN_PENALTY;

  function segment(word: string): { text: string; is_unknown: boolean }[] {
    const paths: (Path | undefined)[] = Array(word.length + 1);
    const offer = (end: number, start: number, score: number, id: number | undefined) => {
      const known = paths[end];
      if (known === undefined || score > known.score) paths[end] = { score, start, id };
    };
    for (let start = 0, width = 0; start < word.length; start += width) {
      width = word.codePointAt(start)! > 0xffff ? 2 : 1;
      const so_far = paths[start]?.score ?? 0;
      let has_single = false;
      for (let end = start + width; end <= word.length; end++) {
        const text = word.slice(start, end);
        if (!prefixes.has(text)) break;
        const id = ids.get(text);
        if (id === undefined) continue;
        offer(end, start, so_far + scores[id], id);
        if (end === start + width) has_single = true;
      }
      if (!has_single) {
        if (unknown === undefined) refuseUnknown("Unigram", word.slice(start, start + width));
        offer(start + width, start, so_far + unknown_score, unknown);
      }
    }
    const result: { text: string; is_unknown: boolean }[] = [];
    for (let end = word.length; end > 0;) {
      const { start, id } = paths[end]!;
      const text = word.slice(start, end), is_unknown = fuse && id === unknown && id !== undefined;
      const last = result.at(-1);
      if (is_unknown && last?.is_unknown) last.text = text + last.text;
      else result.push({ text, is_unknown });
      end = start;
    }
    return result.reverse();
  }

  return (word) =>
    segment(word).flatMap(({ text }) => {
      const id = ids.get(text);
      if (id !== undefined) return [id];
      const bytes = byte_fallback ? byteIds(text, ids) : undefined;
      return bytes ?? [unknown ?? refuseUnknown("Unigram", text)];
    });
}

/** Everything that some token begins with, cut at UTF-16 units. */
function prefixesOf(tokens: Iterable<string>): Set<string> {
  const result = new Set<string>();
  for (const token of tokens) {
    for (let end = 1; end <= token.length; end++) result.add(token.slice(0, end));
  }
  return result;
}
