/**
 * Knowledge questions with short answers.
 *
 * @module
 */
import type { RecordSet } from "../cards.ts";

const QUESTION = "Question: {question}\nAnswer: ";
const TRIVIA_QA =
  "hf://mandarjoshi/trivia_qa@0f7faf33a3908546c6fd5b73a660e0f8ff173c2f/rc.nocontext";
const NATURAL_QUESTIONS = "hf://sentence-transformers/natural-questions@main/pair";

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
  {
    name: "sciq",
    title: "SciQ, science exam questions",
    role: "fine-tuning on science",
    licence: { spdx: "CC-BY-NC-3.0" },
    hub: {
      train: "hf://allenai/sciq@2c94ad3e1aafab77146f384e23536f97a4849815/data/train-*.parquet",
      validation:
        "hf://allenai/sciq@2c94ad3e1aafab77146f384e23536f97a4849815/data/{validation,test}-*.parquet",
    },
    columns: ["question", "correct_answer", "support"],
    reader_version: 1,
    prompt: ({ question, support }) =>
      `${support ? `${support}\n` : ""}Question: ${question}\nAnswer: `,
    text: "correct_answer",
    mask_prompt: false,
    in_paper: "13,679 examples of all three splits, with loss on the whole text",
    notes:
      "The prompt of lm-evaluation-harness: the supporting text if there is one, then the question.",
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
