/**
 * Instructions with answers.
 *
 * @module
 */
import type { RecordSet } from "../cards.ts";

const FLAN = "hf://Muennighoff/flan@049702ca5ffc5b3c62bf226aac67ba1493e8d548";

export const INSTRUCTIONS: readonly RecordSet[] = [
  {
    name: "flan",
    title: "FLAN 2021",
    role: "midtraining on instructions",
    licence: { spdx: "NOASSERTION", note: "none stated; each task has its own licence" },
    hub: { train: `${FLAN}/train/*.jsonl`, validation: `${FLAN}/validation/*.jsonl` },
    columns: ["inputs", "targets"],
    prompt: "{inputs}\n",
    text: "targets",
    mask_prompt: false,
    in_paper: "5% of the mixture",
    notes:
      "The collection of Wei et al., which the paper cites, in its own templates; Open-Orca/FLAN is the larger " +
      "one of 2022. Examples with an empty answer are skipped.",
  },
  {
    name: "lima",
    title: "LIMA: Less Is More for Alignment",
    role: "fine-tuning on instructions",
    licence: {
      spdx: "LicenseRef-LIMA",
      note: "CC BY-NC-SA, or the stricter licence of the source of an example",
    },
    gated: true,
    hub: "hf://GAIR/lima@main/train.jsonl",
    columns: ["conversations"],
    reader_version: 1,
    where: ({ conversations }) => Array.isArray(conversations) && conversations.length === 2,
    prompt: "{conversations[0]}\n\n",
    text: "conversations[1]",
    mask_prompt: false,
    in_paper: "1,000 examples, with loss on the whole text",
    notes: "The 1,000 single-turn conversations, with an empty line between question and answer.",
  },
  {
    name: "lima_chat",
    title: "LIMA: Less Is More for Alignment, as conversations",
    role: "fine-tuning on conversations",
    licence: {
      spdx: "LicenseRef-LIMA",
      note: "CC BY-NC-SA, or the stricter licence of the source of an example",
    },
    gated: true,
    hub: "hf://GAIR/lima@main/train.jsonl",
    messages: "conversations",
    notes: "All 1,030 conversations, 30 of them of several turns, with loss on every answer.",
  },
];
