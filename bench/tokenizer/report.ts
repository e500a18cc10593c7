/**
 * Results of the tokenizer benchmark as Markdown.
 *
 * @module
 */
import {
  describeQuiet,
  fixed,
  markdownTable,
  rounded,
  speedRatio,
  spread,
  type Turns,
  withRange,
} from "../shared/measurements.ts";
import type { Agreement } from "./agreement.ts";

export interface Contest {
  readonly turns: readonly Turns[];
  /** Rounds that were repeated because the machine was not quiet. */
  readonly repeated: number;
}

export interface Training extends Contest {
  /** UTF-8 bytes of the texts. */
  readonly bytes: number;
  readonly merges: number;
  /** Whether vocabulary and merges are equal. */
  readonly same: boolean;
}

export interface Encoding extends Contest, Agreement {
  readonly name: string;
  readonly bytes: number;
  /** The faster call of tokenizers. */
  readonly call: string;
  /** Seconds of the first pass, with a tokenizer that has no cached words. */
  readonly first: { readonly ours_s: number; readonly theirs_s: number };
  /** The pipeline of parts on part of the texts. */
  readonly library: {
    readonly seconds: number;
    readonly bytes: number;
    readonly texts: number;
    readonly different: number;
    readonly odd_texts: number;
    readonly odd_different: number;
  };
}

export interface TokenizerResults {
  /** Version of tokenizers. */
  readonly version: string;
  readonly texts: number;
  readonly odd_texts: number;
  readonly training: Training;
  readonly encodings: readonly Encoding[];
}

export function renderReport(
  { version, texts, odd_texts, training, encodings }: TokenizerResults,
  machine: Readonly<Record<string, string | number>>,
  { rounds, threads, vocab_size }: { rounds: number; threads: number; vocab_size: number },
): string {
  const contests = [training, ...encodings];
  return [
    "# Tokenizer speed against Hugging Face's Rust tokenizers",
    `${machine.date}, ${machine.processor}, ${machine.cores} cores, ${threads} threads for each side. Deno ` +
    `${machine.deno}, tokenizers ${version}. ${texts} texts of ${
      fixed(training.bytes / 1e6, 1)
    } MB in memory, ` +
    `${rounds} alternating rounds; median, with minimum and maximum in parentheses. ` +
    describeQuiet(
      contests.flatMap(({ turns }) => turns),
      contests.reduce((sum, { repeated }) => sum + repeated, 0),
    ),
    speedTable(training, encodings, vocab_size),
    "The ratio is Causeway's speed over that of tokenizers, round by round. tokenizers always makes Encoding objects " +
    "(tokens and offsets), Causeway typed arrays of ids. In the rounds both sides have cached words of earlier " +
    "passes; in the first pass neither has, and Causeway also starts its workers.",
    "## Agreement",
    agreementTable(training, encodings),
    `Ids are compared text by text, including ${odd_texts} difficult synthetic texts.`,
    ...encodings.filter(({ example }) => example).map(({ name, example }) =>
      `First text with different ids (${name}): \`${example}\``
    ),
  ].join("\n\n") + "\n";
}

function speedTable(
  training: Training,
  encodings: readonly Encoding[],
  vocab_size: number,
): string {
  const row = (what: string, bytes: number, { turns }: Contest, call: string) => {
    const rate = (seconds: readonly number[]) => fixed(bytes / 1e6 / spread(seconds).median, 1);
    return [
      what,
      call,
      withRange(speedRatio(turns), 2),
      rate(turns.map(({ ours_s }) => ours_s)),
      rate(turns.map(({ theirs_s }) => theirs_s)),
    ];
  };
  const rows = [
    row(`train, ${vocab_size} tokens`, training.bytes, training, "train_from_iterator"),
    ...encodings.map((encoding) => [
      ...row(`encode, ${encoding.name}`, encoding.bytes, encoding, encoding.call),
      fixed(encoding.first.theirs_s / encoding.first.ours_s, 2),
      fixed(encoding.library.bytes / 1e6 / encoding.library.seconds, 1),
    ]),
  ];
  const headings = ["task", "call of tokenizers", "ratio", "Causeway, MB/s", "tokenizers, MB/s"];
  return markdownTable([...headings, "ratio of first passes", "pipeline of parts, MB/s"], rows, 2);
}

function agreementTable({ same, merges }: Training, encodings: readonly Encoding[]): string {
  const rows = [
    ["merges and vocabulary", rounded(merges), same ? "0" : "**not equal**"],
    ...encodings.map(({ name, compared, tokens, different, library }) => [
      `ids, ${name}`,
      `${compared} texts, ${tokens} tokens`,
      different === 0 ? "0" : `**${different} texts**`,
      `${library.different} of ${library.texts} texts, ${library.odd_different} of ${library.odd_texts} synthetic`,
    ]),
  ];
  return markdownTable(["what", "compared", "different", "pipeline of parts different"], rows);
}
