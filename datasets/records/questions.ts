/**
 * Knowledge questions with short answers.
 *
 * @module
 */
import type { RecordSet } from "../cards.ts";

const QUESTION = "Question: {question}\nAnswer: ";
const TRIVIA_QA =
  "hf://mandarjoshi/trivia_qa@0f7faf33a3908546c6fd5b73a660e0f8ff173c2f/rc.nocontext";
const SCIQ = "hf://allenai/sciq@2c94ad3e1aafab77146f384e23536f97a4849815/data";
const NATURAL_QUESTIONS = "hf://sentence-transformers/natural-questions@main/pair";

/** The turns of a conversation, one after the other. */
const turns = (list: unknown, text: (turn: Record<string, unknown>) => unknown): string =>
  Array.isArray(list) ? list.map((turn) => String(text(turn))).join("\n\n") : "";

/**
 * The paper's four parts of KnowledgeQA, by the numbers of the authors' shards. The shards are not published; each part is
 * a public dataset of the kind that it is said to be.
 */
const KNOWLEDGE_PARTS: readonly RecordSet[] = [
  {
    name: "knowledge_q4",
    title: "SODA, everyday dialogues, for part q4 of KnowledgeQA",
    role: "midtraining on knowledge, dialogues",
    licence: { spdx: "CC-BY-4.0" },
    hub: {
      train: "hf://allenai/soda@main/train.parquet",
      validation: "hf://allenai/soda@main/{valid,test}.parquet",
    },
    columns: ["dialogue"],
    reader_version: 1,
    text: ({ dialogue }: Record<string, unknown>) =>
      Array.isArray(dialogue) ? dialogue.join("\n") : "",
    in_paper: "15% of the mixture, part q4 of KnowledgeQA",
  },
  {
    name: "knowledge_q1",
    title: "TriviaQA, for part q1 of KnowledgeQA",
    role: "midtraining on knowledge, questions with short answers",
    licence: { spdx: "LicenseRef-TriviaQA" },
    hub: {
      train: `${TRIVIA_QA}/train-*.parquet`,
      validation: `${TRIVIA_QA}/validation-*.parquet`,
    },
    columns: ["question", "answer"],
    prompt: QUESTION,
    text: "answer.value",
    mask_prompt: false,
    in_paper: "3% of the mixture, part q1 of KnowledgeQA",
  },
  {
    name: "knowledge_q2",
    title: "OpenHermes 2.5, for part q2 of KnowledgeQA",
    role: "midtraining on knowledge, instructions",
    licence: {
      spdx: "NOASSERTION",
      note: "none stated; made from sets with licences of their own",
    },
    hub: "hf://teknium/OpenHermes-2.5@main/openhermes2_5.json",
    columns: ["conversations"],
    reader_version: 1,
    // One JSON array of 2 GB.
    limits: { max_record_bytes: 4 * 2 ** 30 },
    text: ({ conversations }: Record<string, unknown>) =>
      turns(conversations, ({ value }) => value),
    in_paper: "1.5% of the mixture, part q2 of KnowledgeQA",
  },
  {
    name: "knowledge_q3",
    title: "UltraChat 200k, for part q3 of KnowledgeQA",
    role: "midtraining on knowledge, conversations",
    licence: { spdx: "MIT" },
    hub: {
      train: "hf://HuggingFaceH4/ultrachat_200k@main/data/train_sft-*.parquet",
      validation: "hf://HuggingFaceH4/ultrachat_200k@main/data/test_sft-*.parquet",
    },
    columns: ["messages"],
    reader_version: 1,
    text: ({ messages }: Record<string, unknown>) => turns(messages, ({ content }) => content),
    in_paper: "0.5% of the mixture, part q3 of KnowledgeQA",
  },
];

const SCIQ_SET: RecordSet = {
  name: "sciq",
  title: "SciQ, science exam questions",
  role: "fine-tuning on science",
  licence: { spdx: "CC-BY-NC-3.0" },
  hub: {
    train: `${SCIQ}/train-*.parquet`,
    validation: `${SCIQ}/{validation,test}-*.parquet`,
  },
  columns: ["question", "correct_answer", "support"],
  reader_version: 1,
  prompt: ({ question, support }) =>
    `${support ? `${support}\n` : ""}Question: ${question}\nAnswer: `,
  text: "correct_answer",
  mask_prompt: false,
  in_paper: "13,679 examples, with loss on the whole text",
  notes:
    "The prompt of lm-evaluation-harness: the supporting text if there is one, then the question. Training has 11,679 " +
    "examples, 2,000 are held out; the paper's number is that of all splits together, see `sciq_all`.",
};

export const QUESTIONS: readonly RecordSet[] = [
  {
    name: "knowledge_qa",
    title: "TriviaQA and Natural Questions",
    role: "midtraining on knowledge, the paper's KnowledgeQA",
    licence: {
      spdx: "LicenseRef-TriviaQA AND CC-BY-SA-3.0",
      note: "TriviaQA states no licence for its questions; Natural Questions: CC BY-SA 3.0",
    },
    parts: [
      {
        hub: {
          train: `${TRIVIA_QA}/train-*.parquet`,
          validation: `${TRIVIA_QA}/validation-*.parquet`,
        },
        columns: ["question", "answer"],
        text: "answer.value",
      },
      {
        hub: { train: `${NATURAL_QUESTIONS}/train-*.parquet` },
        columns: ["query", "answer"],
        prompt: "Question: {query}\nAnswer: ",
      },
    ],
    prompt: QUESTION,
    text: "answer",
    mask_prompt: false,
    in_paper: "20% of the mixture",
    notes:
      "An approximation of the paper's data: the knowledge questions of MiniCPM without Stack Overflow, which " +
      "are not published as a dataset. Of local files the columns question and answer are read.",
  },
  ...KNOWLEDGE_PARTS,
  SCIQ_SET,
  {
    ...SCIQ_SET,
    name: "sciq_all",
    title: "SciQ, all three splits for training",
    hub: {
      train: `${SCIQ}/{train,validation,test}-*.parquet`,
      validation: `${SCIQ}/{validation,test}-*.parquet`,
    },
    in_paper: "13,679 examples, which are all three splits",
    notes:
      "Nothing is left to hold out: the held-out loss is measured on 2,000 of the examples trained on. `sciq` trains on " +
      "the 11,679 of the split for training.",
  },
  {
    name: "trivia_qa",
    title: "OpenTriviaQA",
    role: "knowledge in questions, stand-in for KnowledgeQA",
    licence: { spdx: "CC-BY-SA-4.0" },
    prompt: QUESTION,
    text: "answer",
    mask_prompt: false,
    homepage: "https://github.com/uberspot/OpenTriviaQA",
    notes: "Not TriviaQA, which is part of knowledge_qa.",
  },
];
