/**
 * Mathematics: problems with worked solutions.
 *
 * @module
 */
import type { RecordSet } from "../cards.ts";

export const MATHEMATICS: readonly RecordSet[] = [
  {
    name: "mammoth",
    title: "MathInstruct, the training set of MAmmoTH",
    role: "midtraining on mathematics",
    licence: { spdx: "MIT", note: "the datasets it is made from have their own licences" },
    hub: "hf://TIGER-Lab/MathInstruct@b4fdc323a7be1379c9c7c0b67b1de72dfee2111a/MathInstruct.json",
    prompt: "{instruction}\n\n",
    text: "output",
    mask_prompt: false,
    // One JSON array of 212 MB.
    limits: { max_record_bytes: 512 * 2 ** 20 },
    in_paper: "part of Math: 12% from step 20k",
    notes: "The paper gives no template: instruction and output, separated by an empty line.",
  },
  {
    name: "open_math_instruct",
    title: "OpenMathInstruct-1, correct solutions",
    role: "midtraining on mathematics",
    licence: { spdx: "LicenseRef-NVIDIA", note: "the NVIDIA licence in its repository" },
    hub: {
      train:
        "hf://nvidia/OpenMathInstruct-1@4627efae6bd2ddcebb8acac00d513ffd8e00775c/correct_solutions/train.jsonl",
      validation:
        "hf://nvidia/OpenMathInstruct-1@4627efae6bd2ddcebb8acac00d513ffd8e00775c/correct_solutions/validation.jsonl",
    },
    prompt: "{question}\n\n",
    text: "generated_solution",
    mask_prompt: false,
    in_paper: "part of Math: 12% from step 20k",
    notes: "The paper gives no template: question and solution, separated by an empty line.",
  },
  {
    name: "gsm8k",
    title: "Grade School Math 8K",
    role: "fine-tuning on mathematics",
    licence: { spdx: "MIT" },
    hub: {
      train: "hf://openai/gsm8k@e53f048856ff4f594e959d75785d2c2d37b678ee/main/train-*.parquet",
      validation: "hf://openai/gsm8k@e53f048856ff4f594e959d75785d2c2d37b678ee/main/test-*.parquet",
    },
    columns: ["question", "answer"],
    prompt: "Question: {question}\nAnswer: ",
    text: "answer",
    in_paper: "7,473 examples, without loss on the question",
    notes:
      "The usual prompt of lm-evaluation-harness; unchanged answers, with <<…>> and the result after ####. " +
      "The test set is held out.",
  },
  {
    name: "math",
    title: "MATH",
    role: "mathematics with full solutions, stand-in for Math",
    licence: { spdx: "MIT" },
    hub: {
      train: "hf://EleutherAI/hendrycks_math@main/*/train-*.parquet",
      validation: "hf://EleutherAI/hendrycks_math@main/*/test-*.parquet",
    },
    columns: ["problem", "solution"],
    prompt: "Problem:\n{problem}\n\nSolution: ",
    text: "solution",
    mask_prompt: false,
    notes: "The prompt of Minerva.",
  },
  {
    name: "math_qa",
    title: "MathQA",
    role: "mathematics with rationales, stand-in for Math",
    licence: { spdx: "Apache-2.0" },
    hub: {
      train: "hf://allenai/math_qa@refs/convert/parquet/**/train/*.parquet",
      validation: "hf://allenai/math_qa@refs/convert/parquet/**/validation/*.parquet",
    },
    reader_version: 1,
    // The hub's columns are capitalized, those of the original files are not.
    prompt: ({ Problem, problem, options }) =>
      `Question: ${Problem ?? problem}\nOptions: ${options}\nAnswer: `,
    text: ({ Rationale, rationale }) => String(Rationale ?? rationale),
    mask_prompt: false,
    notes: "Question, options and rationale in the form of aqua_rat.",
  },
  {
    name: "aqua_rat",
    title: "AQuA-RAT",
    role: "mathematics with rationales, stand-in for Math",
    licence: { spdx: "Apache-2.0" },
    hub: {
      train: "hf://deepmind/aqua_rat@33301c6a050c96af81f63cad5562cb5363e88971/raw/train-*.parquet",
      validation:
        "hf://deepmind/aqua_rat@33301c6a050c96af81f63cad5562cb5363e88971/raw/validation-*.parquet",
    },
    columns: ["question", "options", "rationale"],
    prompt: "Question: {question}\nOptions: {options[ ]}\nAnswer: ",
    text: "rationale",
    mask_prompt: false,
  },
];
