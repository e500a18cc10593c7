/**
 * Prose: web pages, articles, posts.
 *
 * @module
 */
import type { RecordSet } from "../cards.ts";

const WIKIPEDIA =
  "hf://wikimedia/wikipedia@b04c8d1ceb2f5cd4588862100d08de323dccfbaa/20231101.en/train-*.parquet";

export const TEXTS: readonly RecordSet[] = [
  {
    name: "c4",
    title: "Colossal Clean Crawled Corpus, English",
    role: "general web text: pretraining, held-out loss and forgetting, CKA probe",
    licence: { spdx: "ODC-By-1.0", note: "the terms of Common Crawl also apply" },
    hub: {
      train: "hf://allenai/c4@1588ec454efa1a09f29cd18ddd04fe05fc8653a2/en/c4-train.*.json.gz",
      validation:
        "hf://allenai/c4@1588ec454efa1a09f29cd18ddd04fe05fc8653a2/en/c4-validation.*.json.gz",
    },
    text: "text",
    in_paper: "128B tokens, minus what midtraining replaces",
  },
  {
    name: "dclm",
    title: "DataComp-LM baseline",
    role: "midtraining on high-quality web text",
    licence: { spdx: "CC-BY-4.0" },
    hub: "hf://mlfoundations/dclm-baseline-1.0-parquet@main/filtered/**/*.parquet",
    columns: ["text"],
    text: "text",
    in_paper: "20% from step 40k",
    notes: "The Parquet version, of which only the text is decoded.",
  },
  {
    name: "wikipedia",
    title: "English Wikipedia, articles under 5,000 characters",
    role: "general English, stand-in for C4",
    licence: { spdx: "CC-BY-SA-3.0 AND GFDL-1.3-or-later" },
    hub: WIKIPEDIA,
    columns: ["text"],
    text: "text",
    reader_version: 1,
    where: ({ text }) => typeof text === "string" && text.length < 5000,
    notes: "Shares no article with wikipedia_long.",
  },
  {
    name: "wikipedia_long",
    title: "English Wikipedia, articles of 8,000 characters and more",
    role: "long, edited English, stand-in for DCLM",
    licence: { spdx: "CC-BY-SA-3.0 AND GFDL-1.3-or-later" },
    hub: WIKIPEDIA,
    columns: ["text"],
    text: "text",
    reader_version: 1,
    where: ({ text }) => typeof text === "string" && text.length >= 8000,
    notes: "Shares no article with wikipedia.",
  },
  {
    name: "newsgroups",
    title: "20 Newsgroups",
    role: "informal English, stand-in for C4",
    licence: {
      spdx: "NOASSERTION",
      note: "each post belongs to its author; the dataset states no licence",
    },
    hub: {
      train: "hf://SetFit/20_newsgroups@main/train.jsonl",
      validation: "hf://SetFit/20_newsgroups@main/test.jsonl",
    },
    text: "text",
  },
  {
    name: "factbook",
    title: "The World Factbook",
    role: "knowledge in prose, stand-in for KnowledgeQA",
    licence: { spdx: "LicenseRef-public-domain", note: "a work of the United States government" },
    text: "text",
  },
];
