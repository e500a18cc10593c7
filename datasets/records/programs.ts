/**
 * Source code, and programming problems.
 *
 * @module
 */
import type { RecordSet } from "../cards.ts";

export const PROGRAMS: readonly RecordSet[] = [
  {
    name: "starcoder",
    title: "StarCoder training data",
    role: "midtraining on code",
    licence: {
      spdx: "LicenseRef-The-Stack",
      note: "terms of use of The Stack; each file has the permissive licence of its repository",
    },
    gated: true,
    hub: "hf://bigcode/starcoderdata@main/*/train-*.parquet",
    columns: ["content"],
    text: "content",
    in_paper: "20% from step 6k",
    notes:
      "All languages, with issues, notebooks and commits, in the alphabetical order of their folders.",
  },
  {
    name: "code_search_net",
    title: "CodeSearchNet, documented Python functions",
    role: "fine-tuning on code, the paper's Pycode",
    licence: {
      spdx: "LicenseRef-various",
      note: "each function has the licence of its repository",
    },
    hub: {
      train:
        "hf://code-search-net/code_search_net@bd0cf261e357a3eb5c8fba490d23ec1a1cd59555/python/train-*.parquet",
      validation:
        "hf://code-search-net/code_search_net@bd0cf261e357a3eb5c8fba490d23ec1a1cd59555/python/validation-*.parquet",
    },
    columns: ["func_code_string"],
    text: "func_code_string",
    examples: 5000,
    in_paper: "5,000 examples, with loss on the whole text",
    notes:
      "Functions with their docstrings. The paper does not say which 5,000; here they are a random sample.",
  },
  {
    name: "apps",
    title: "APPS, programming problems with solutions in Python",
    role: "CKA probe for code",
    licence: { spdx: "MIT" },
    // Never used for training. The test half of APPS is twelve times as large, nearly all of it test cases.
    hub: {
      validation: "hf://codeparrot/apps@21e74ddf8de1a21436da12e3e653065c5213e9d1/train.jsonl",
    },
    columns: ["question", "solutions"],
    prompt: "{question}\n\n",
    reader_version: 1,
    text: ({ solutions }) =>
      typeof solutions === "string" && solutions !== "" ? JSON.parse(solutions)[0] : "",
    mask_prompt: false,
    in_paper: "probe of CKA",
    notes: "Question and first solution; problems without one are skipped.",
  },
  {
    name: "mbpp",
    title: "Mostly Basic Python Problems",
    role: "CKA probe for code, stand-in for APPS",
    licence: { spdx: "CC-BY-4.0" },
    hub: {
      validation:
        "hf://google-research-datasets/mbpp@4bb6404fdc6cacfda99d4ac4205087b89d32030c/full/*.parquet",
    },
    columns: ["text", "code"],
    prompt: "{text}\n\n",
    text: "code",
    mask_prompt: false,
    notes: "All 974 problems are held out: a probe is never used for training.",
  },
];
