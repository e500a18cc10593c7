/**
 * A dataset card for a user's own JSON Lines file.
 *
 * @module
 */
import { statSync } from "node:fs";
import { basename } from "node:path";
import type { DatasetCard, Document, Licence, Split } from "./card.ts";
import { requireDocuments } from "./card.ts";
import { fileDigest } from "./hash.ts";
import { readJsonl } from "./jsonl.ts";
import { compileTemplate, type Render } from "./template.ts";

export interface JsonlCardOptions {
  /** snake_case name of the dataset. */
  name: string;
  /** `.jsonl` or `.jsonl.gz`, relative to the working folder. */
  path: string;
  /** Column name, template, or function giving the text (after the prompt, if there is one). */
  text: string | Render;
  /** The same for a leading prompt on which no loss is taken. */
  prompt?: string | Render;
  /** Column whose value keeps rows together in one split. */
  group?: string;
  /** Puts the whole file into one split. */
  split?: Split;
  title?: string;
  role?: string;
  licence?: Licence;
}

/**
 * Reads a JSON Lines file as a dataset. Rows with empty text are skipped.
 *
 * @throws {Error} (while reading) `file:row: …` for a broken record or a missing column.
 *
 * @example
 * ```ts
 * import { jsonlCard } from "./jsonl_card.ts";
 * const card = jsonlCard({
 *   name: "my_questions",
 *   path: "questions.jsonl.gz",
 *   prompt: "Question: {question}\nAnswer: ",
 *   text: "answer",
 * });
 * ```
 */
export function jsonlCard(options: JsonlCardOptions): DatasetCard {
  return {
    name: options.name,
    title: options.title ?? basename(options.path),
    role: options.role ?? "your own data",
    source: { origins: [options.path] },
    licence: options.licence ?? { spdx: "NOASSERTION", note: "not stated by the recipe" },
    reading: `one document per row of ${options.path}`,
    // Templates are part of the config where they are strings; the text of a function stands in for it.
    revision: () => `sha256:${cachedDigest(options.path)}${functionText(options)}`,
    documents: () => requireDocuments(options.name, readDocuments(options)),
  };
}

async function* readDocuments(options: JsonlCardOptions): AsyncGenerator<Document> {
  const text = toRender(options.text);
  const prompt = options.prompt === undefined ? () => "" : toRender(options.prompt);
  const group = options.group === undefined ? undefined : compileTemplate(options.group);
  for await (const { row, value } of readJsonl(options.path)) {
    const where = `${options.path}:${row}`;
    const head = prompt(value, where);
    const body = text(value, where);
    if (body.trim() === "") continue;
    yield {
      id: String(row),
      text: head + body,
      ...(head === "" ? {} : { prompt_length_chars: head.length }),
      ...(options.split === undefined ? {} : { split: options.split }),
      ...(group === undefined ? {} : { group: group(value, where) }),
    };
  }
}

function toRender(source: string | Render): Render {
  return typeof source === "string" ? compileTemplate(source) : source;
}

function functionText({ text, prompt }: JsonlCardOptions): string {
  return [text, prompt].filter((part) => typeof part === "function").map((part) => ` ${part}`)
    .join("");
}

/** Digests by path, size and modification time: planning asks several times for the same file. */
const digests = new Map<string, string>();

function cachedDigest(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  const key = JSON.stringify([path, stat?.size, stat?.mtimeMs]);
  let digest = digests.get(key);
  if (digest === undefined) digests.set(key, digest = fileDigest(path));
  return digest;
}
