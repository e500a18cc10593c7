/**
 * The inputs of the models: packed sequences of which every position is a row, or texts that are a row each.
 *
 * @module
 */
import {
  type DocumentSet,
  evaluationSequences,
  partOf,
  type Sequence,
} from "@causeway/core/batches";
import { firstWords, textPrefix, type Tokenizer } from "@causeway/core/tokenizer";
import { counted } from "@causeway/core/words";

/** What a row of the features is. */
export type RowKind = "positions" | "document_mean";

export interface ProbeOptions {
  readonly sequence_length: number;
  readonly max_sequences: number;
  readonly max_texts: number;
  readonly words_per_text: number;
  readonly micro_batch_size: number;
  readonly jackknife_groups: number;
}

/** Rows that are added to the sums at once, all of one jackknife group. */
export interface Block {
  /** Index of the group; 0 without groups. */
  readonly group: number;
  /** Forward passes. */
  readonly batches: readonly (readonly Sequence[])[];
}

/**
 * Packed sequences of a source in blocks of one forward pass.
 *
 * @throws {Error} when there are fewer sequences than groups, or none.
 */
export function positionBlocks(set: DocumentSet, options: ProbeOptions): Block[] {
  const sequences = evaluationSequences(set, { ...options, mode: "packed" });
  return groupsOf(set.name, sequences, options, "sequence").flatMap((members, group) =>
    evenParts(members, options.micro_batch_size).map((batch) => ({ group, batches: [batch] }))
  );
}

/** Texts whose means are added to the sums at once: enough that products of features take most of the time. */
const TEXTS_PER_BLOCK = 256;

/**
 * Texts of a source in blocks of many forward passes, whose texts are of similar length, to need little padding.
 *
 * @throws {Error} when there are fewer texts than groups, or none.
 */
export function textBlocks(
  set: DocumentSet,
  options: ProbeOptions,
  tokenizer: Tokenizer,
  log: (message: string) => void,
): Block[] {
  const texts = textsOf(set, options, tokenizer, log);
  return groupsOf(set.name, texts, options, "text").flatMap((members, group) =>
    evenParts(members, TEXTS_PER_BLOCK).map((block) => {
      const sorted = block.toSorted((a, b) => b.tokens.length - a.tokens.length);
      return { group, batches: evenParts(sorted, options.micro_batch_size) };
    })
  );
}

/**
 * The beginnings of documents, at even distances over the whole set, as sequences whose last token, which is no input, is
 * the one that ended the document. Says how many are shorter than `words_per_text`, and how many longer than the model's
 * input.
 *
 * @throws {Error} when no document has text.
 */
function textsOf(
  set: DocumentSet,
  { max_texts, words_per_text, sequence_length }: ProbeOptions,
  tokenizer: Tokenizer,
  log: (message: string) => void,
): Sequence[] {
  const { offsets, name: source } = set;
  const { length: prefix } = tokenizer.prefix_ids;
  const with_text = [...Array(set.documents).keys()]
    .filter((i) => offsets[i + 1] - offsets[i] > prefix + 1);
  if (with_text.length === 0) {
    throw new Error(`probe "${source}" has no document with text; add documents`);
  }
  const count = Math.min(max_texts, with_text.length);
  let whole = 0, long = 0;
  const texts = Array.from({ length: count }, (_, k): Sequence => {
    const document = with_text[Math.floor(k * with_text.length / count)];
    const [start, end] = [offsets[document] + prefix, offsets[document + 1] - 1];
    const read = (tokens: number) => set.read(start, Math.min(end, start + tokens));
    const cut = textPrefix(end - start, read, firstWords(words_per_text), tokenizer);
    if (cut === undefined) whole++;
    const ids = [...tokenizer.prefix_ids, ...cut ?? read(sequence_length)];
    if (prefix + (cut?.length ?? end - start) > sequence_length) long++;
    const tokens = Uint32Array.from([...ids.slice(0, sequence_length), set.read(end, end + 1)[0]]);
    return { tokens, loss_spans: [], source };
  });
  log(
    `probe "${source}": ${counted(count, "text")} of at most ${counted(words_per_text, "word")}, ` +
      `${whole} of them whole documents` +
      (long > 0 ? `, ${long} cut at ${counted(sequence_length, "token")}` : ""),
  );
  return texts;
}

/**
 * Divides inputs into groups whose sizes differ by at most one. Neighbours, which can be parts of one document, are in
 * different groups, so that groups resemble each other.
 *
 * @throws {Error} when there are fewer inputs than groups.
 */
function groupsOf(
  probe: string,
  inputs: readonly Sequence[],
  { jackknife_groups }: ProbeOptions,
  kind: "sequence" | "text",
): Sequence[][] {
  const groups = Math.max(1, jackknife_groups);
  if (inputs.length < groups) {
    throw new Error(
      `probe "${probe}" has only ${counted(inputs.length, kind)} for ${
        counted(groups, "group")
      }; lower jackknife_groups` + (kind === "sequence" ? " or sequence_length" : ""),
    );
  }
  return Array.from({ length: groups }, (_, group) => {
    return inputs.filter((_, place) => place % groups === group);
  });
}

/** Parts of at most `size` whose sizes differ by at most one, so that every input is used. */
function evenParts(members: readonly Sequence[], size: number): Sequence[][] {
  const count = Math.ceil(members.length / size);
  return Array.from({ length: count }, (_, rank) => partOf(members, { rank, size: count }));
}
