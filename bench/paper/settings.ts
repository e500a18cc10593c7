/**
 * The paper's study scaled down to hours on two cores, on the data of a data root (see README.md): the settings that
 * all model sizes share.
 *
 * @module
 */
import type { StudySettings } from "../../recipes/paper/settings.ts";

type Model = Pick<StudySettings, "name" | "title" | "model" | "schedule" | "rates">;

/** A model of 0.7M parameters, and its learning rates. */
export const NANO: Pick<Model, "model" | "schedule" | "rates"> = {
  model: {
    hidden_size: 64,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    intermediate_size: 256,
  },
  schedule: { peak_lr: 5e-3, min_lr: 1e-5 },
  rates: [6e-4, 1.2e-3, 2.5e-3, 5e-3, 1e-2, 2e-2],
};

const SEQUENCE_LENGTH = 256;

/** Shares of the horizon: those of the paper's steps 6k, 20k and 40k of 61k, rounded. */
const [EARLY, THIRD, HALF, TWO_THIRDS, LATE] = [0.1, 1 / 3, 0.5, 2 / 3, 0.8];

/** Sources, with replacements for those that a data root lacks. */
const DATA: StudySettings["data"] = {
  sources: {
    c4: [{ dataset: "c4", stand_ins: ["wikipedia", "newsgroups"], max_bytes: 24_000_000 }],
    code: [{ dataset: "starcoder", stand_ins: ["code"] }],
    math: [{ dataset: "mammoth", stand_ins: ["math", "math_qa", "aqua_rat"] }],
    flan: [{ dataset: "flan", max_bytes: 8_000_000 }],
    knowledge_qa: [{ dataset: "knowledge_qa", stand_ins: ["trivia_qa", "factbook"] }],
    dclm: [{ dataset: "dclm", stand_ins: ["wikipedia_long"], max_bytes: 8_000_000 }],
    // Fine-tuning sets, cut to a few dozen steps.
    pycode: [{ dataset: "code_search_net", stand_ins: ["pycode"], max_bytes: 600_000 }],
    gsm8k: [{ dataset: "gsm8k", max_bytes: 600_000 }],
    lima: [{ dataset: "lima", max_bytes: 1_200_000 }],
    sciq: [{ dataset: "sciq", max_bytes: 600_000 }],
    mbpp: [{ dataset: "mbpp" }],
  },
  vocab_size: 4096,
  tokenizer_bytes: 8_000_000,
};

/** The five mixtures of the paper. */
const MIDTRAINING: StudySettings["midtraining"] = [
  { name: "code", label: "code 20% from 10%", specialised: "code", weight: 0.2, start: EARLY },
  { name: "math", label: "math 12% from 33%", specialised: "math", weight: 0.12, start: THIRD },
  {
    name: "flan",
    label: "FLAN 5% from 67%",
    specialised: "flan",
    weight: 0.05,
    start: TWO_THIRDS,
  },
  {
    name: "knowledge_qa",
    label: "KnowledgeQA 20% from 67%",
    specialised: "knowledge_qa",
    weight: 0.2,
    start: TWO_THIRDS,
  },
  {
    name: "dclm",
    label: "DCLM 20% from 67%",
    specialised: "dclm",
    weight: 0.2,
    start: TWO_THIRDS,
  },
];

/** The four fine-tuning sets. */
const TARGETS: StudySettings["targets"] = [
  { name: "pycode", label: "Pycode" },
  { name: "gsm8k", label: "GSM8K" },
  // LIMA has few and long examples, SciQ many short ones.
  { name: "lima", label: "LIMA", fine_tuning: { global_batch_size: 8, micro_batch_size: 8 } },
  { name: "sciq", label: "SciQ", fine_tuning: { global_batch_size: 64, micro_batch_size: 32 } },
];

/** Start times and weights of code. */
const GRID: StudySettings["grid"] = {
  specialised: "code",
  weight: 0.2,
  starts: [EARLY, THIRD, HALF, TWO_THIRDS, LATE],
  weights: [0.1, 0.2, 0.4, 0.8],
  weight_starts: [THIRD, TWO_THIRDS],
};

/** All sources; fine-tuning sets by example. */
const EVALUATION: StudySettings["evaluation"] = {
  by_example: ["pycode", "gsm8k", "lima", "sciq"],
  sequence_length: SEQUENCE_LENGTH,
  max_sequences: 96,
};

/** Each task for the control and its matching mixture. */
const TASKS: StudySettings["tasks"] = [
  {
    name: "gsm8k",
    config: { tasks: { gsm8k: { max_questions: 200, max_new_tokens: 128 } }, batch_size: 32 },
    models: [{ arm: "control", target: "gsm8k" }, { arm: "math", target: "gsm8k" }],
  },
  {
    name: "sciq",
    config: { tasks: { sciq: {} } },
    models: [{ arm: "control", target: "sciq" }, { arm: "knowledge_qa", target: "sciq" }],
  },
  {
    name: "mbpp",
    config: {
      tasks: {
        mbpp: { max_questions: 50, samples: 2, k: [1, 2], max_new_tokens: 96, shots: 1 },
      },
    },
    models: [{ arm: "control", target: "pycode" }, { arm: "code", target: "pycode" }],
  },
];

/** Code and math, probed with general data and with programs. */
const CKA: StudySettings["cka"] = {
  config: {
    probes: ["c4", "mbpp"],
    jackknife_groups: 8,
    sequence_length: SEQUENCE_LENGTH,
    max_sequences: 48,
    micro_batch_size: 8,
  },
  pairs: [{ arm: "code", target: "pycode" }, { arm: "math", target: "gsm8k" }],
};

/** The study with one model. */
export function scaledDown({ name, title, model, schedule, rates }: Model): StudySettings {
  return {
    name,
    title,
    description:
      "The paper's study scaled down: five mixtures, four fine-tuning sets, one small model.",
    seed: 1337,
    facts: {
      model: typeof model === "string" ? model : JSON.stringify(model),
      vocabulary: "4,096 tokens, learned from the data",
      "stands in for what the data root lacks":
        "C4: Wikipedia and newsgroups (held out: real C4); Starcoder: npm packages; MAmmoTH: MATH, MathQA, AQuA; " +
        "KnowledgeQA: TriviaQA and the World Factbook; DCLM: long Wikipedia articles; CodeSearchNet: functions of " +
        "Python's standard library; APPS: MBPP",
    },
    data: DATA,
    model,
    general: "c4",
    sequence_length: SEQUENCE_LENGTH,
    global_batch_size: 16,
    micro_batch_size: 8,
    horizon_steps: 600,
    schedule,
    // Independent tasks run side by side with one thread each, which is faster for small models than two threads each.
    compute: { threads: 1 },
    validation: { every_steps: 150, max_sequences: 24 },
    midtraining: MIDTRAINING,
    targets: TARGETS,
    matched: { code: "pycode", math: "gsm8k", flan: "lima", knowledge_qa: "sciq", dclm: "lima" },
    continued: { specialised: ["code", "math"], starts: [TWO_THIRDS, LATE] },
    grid: GRID,
    along_run: { arm: "code", at: [THIRD, HALF, LATE] },
    fine_tuning: {
      epochs: 1,
      sequence_length: SEQUENCE_LENGTH,
      global_batch_size: 16,
      micro_batch_size: 16,
      schedule: { peak_lr: 1e-3 },
      // Before the first step and after the last.
      validation: { every_steps: 100_000, max_sequences: 96 },
      save_optimizer: false,
    },
    rates,
    seeds: [1, 2, 3],
    similarity: { max_examples: 10_000, resamples: 100 },
    evaluation: EVALUATION,
    tasks: TASKS,
    cka: CKA,
  };
}
