/**
 * The paper's study at full size: the settings that its models share. A run has 61,035 steps of 1,024 sequences of 2,048
 * tokens, 128B tokens in total. docs/paper.md compares every value with the paper's.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { StudySettings } from "../paper/settings.ts";

const SEQUENCE_LENGTH = 2048;
const HORIZON_STEPS = 61_035;

/** A step as a share of the horizon. */
const at = (step: number) => step / HORIZON_STEPS;

/** Start of the paper's mixtures. */
const [CODE, MATH, OTHERS] = [at(6_000), at(20_000), at(40_000)];

/** The paper's learning rates of fine-tuning (Tables 6 and 7). */
const RATES = [
  [4e-6, 8e-6, 1e-5, 2e-5, 4e-5, 5e-5, 6e-5, 7e-5, 8e-5, 9e-5],
  [1e-4, 1.2e-4, 1.4e-4, 1.6e-4, 1.8e-4, 2e-4, 2.4e-4, 4e-4, 5e-4, 6e-4, 8e-4],
  [1e-3, 2e-3, 3e-3, 4e-3, 6e-3],
].flat();

/** Pythia's tokenizer on the hub; all of its models have the same one. */
const PYTHIA = "EleutherAI/pythia-70m";
/** Its folder in a data root. */
const PYTHIA_FOLDER = "pythia_tokenizer";

/** The settings that differ between the models. */
export interface FullSize {
  /** A preset, such as "pythia-70m". */
  readonly model: `pythia-${string}` & StudySettings["model"];
  readonly micro_batch_size: number;
  /**
   * Folder with Pythia's tokenizer, or "trained" for one of the same size, learned from the data. By default Pythia's: from
   * the folder `pythia_tokenizer` of the data root, or without a data root from the hub. A data root without that folder
   * means "trained".
   */
  readonly tokenizer?: string;
  /**
   * SciQ's examples to train on. "train" (the default): the 11,679 of its training split, with 2,000 held out. "all": the
   * paper's 13,679, which are all of its splits, so that the held-out loss is of examples trained on.
   */
  readonly sciq?: "train" | "all";
}

/** The study with one model. */
export function fullSize(
  { model, micro_batch_size, sciq = "train", ...asked }: FullSize,
): StudySettings {
  const tokenizer = chooseTokenizer(asked.tokenizer);
  const size = model.split("-")[1].toUpperCase();
  return {
    name: `paper_${model.replace("-", "_")}`,
    title: `Midtraining as a bridge: the study with Pythia ${size}`,
    description: `The paper's study: five mixtures, four fine-tuning sets, Pythia ${size}.`,
    seed: 1337,
    facts: {
      tokenizer: tokenizer.fact,
      "training examples of SciQ": sciq === "all"
        ? "13,679, all of its splits as in the paper; the held-out loss is of 2,000 of them"
        : "11,679, those of its split for training; the paper's 13,679 are all of its splits",
      data:
        "no set is read twice in pretraining and midtraining; one that is too small ends the run",
    },
    data: {
      sources: { ...SOURCES, sciq: [{ dataset: sciq === "all" ? "sciq_all" : "sciq" }] },
      vocab_size: VOCAB_SIZE,
      tokenizer_bytes: 200_000_000,
    },
    ...tokenizer.config && { tokenizer: tokenizer.config },
    vocab_size: VOCAB_SIZE,
    model,
    general: "c4",
    groups: GROUPS,
    sequence_length: SEQUENCE_LENGTH,
    global_batch_size: 1024,
    micro_batch_size,
    horizon_steps: HORIZON_STEPS,
    schedule: { peak_lr: 3e-4, min_lr: 1e-6, warmup_ratio: 0.1 },
    // LitGPT, which the paper uses, decays every parameter.
    optimizer: { weight_decay: 0.1, decay_scope: "all", beta1: 0.9, beta2: 0.95 },
    compute: { precision: "bfloat16" },
    validation: { every_steps: 1000, max_sequences: 64 },
    ...EXPERIMENTS,
    fine_tuning: {
      epochs: 4,
      sequence_length: SEQUENCE_LENGTH,
      global_batch_size: 64,
      micro_batch_size,
      // The best rate of the sweep replaces peak_lr.
      schedule: { peak_lr: 3e-4, warmup_ratio: 0.1 },
      // Only before the first step and after the last one.
      validation: { every_steps: 100_000, max_sequences: 512 },
      save_optimizer: false,
    },
    rates: RATES,
    seeds: [1, 2, 3, 4, 5],
    similarity: { max_examples: 10_000 },
    cka: {
      config: {
        probes: ["c4", "apps"],
        jackknife_groups: 10,
        sequence_length: SEQUENCE_LENGTH,
        max_sequences: 60,
        micro_batch_size: 6,
      },
      pairs: [{ arm: "code", target: "pycode" }, { arm: "math", target: "gsm8k" }],
    },
  };
}

/** Pythia's vocabulary is padded to this number of embedding rows. */
const VOCAB_SIZE = 50_304;

/** The tokenizer that was asked for, or that there is, and what the report says of it. */
function chooseTokenizer(
  asked: FullSize["tokenizer"],
): { config?: StudySettings["tokenizer"]; fact: string } {
  const learned =
    "a byte-level BPE of the size of Pythia's padded vocabulary, learned from the data; ";
  if (asked === "trained") return { fact: `${learned}the paper takes Pythia's` };
  const root = Deno.env.get("CAUSEWAY_DATA_ROOT");
  const folder = asked ?? (root && join(root, PYTHIA_FOLDER));
  if (!folder) return { config: { hub: PYTHIA }, fact: "Pythia's" };
  if (asked !== undefined || existsSync(folder)) return { config: { folder }, fact: "Pythia's" };
  return {
    fact: `${learned}the data root has no ${PYTHIA_FOLDER} with Pythia's, which the paper takes`,
  };
}

/**
 * The authors' parts of KnowledgeQA, named by their shards, with the shares of their configuration: of the whole mixture
 * 15%, 3%, 1.5% and 0.5%.
 */
const GROUPS = {
  knowledge_qa: { knowledge_q4: 15, knowledge_q1: 3, knowledge_q2: 1.5, knowledge_q3: 0.5 },
};

/** Stand-ins allow planning and trying the recipe on a data root without a dataset; they are too small for a full run. */
const SOURCES: StudySettings["data"]["sources"] = {
  c4: [{ dataset: "c4", stand_ins: ["wikipedia", "newsgroups"] }],
  code: [{ dataset: "starcoder", stand_ins: ["code"] }],
  math: [
    { dataset: "mammoth", stand_ins: ["math_qa", "aqua_rat"] },
    { dataset: "open_math_instruct", stand_ins: ["math"] },
  ],
  flan: [{ dataset: "flan" }],
  knowledge_q4: [{ dataset: "knowledge_q4", stand_ins: ["trivia_qa", "factbook"] }],
  knowledge_q1: [{ dataset: "knowledge_q1", stand_ins: ["trivia_qa"] }],
  knowledge_q2: [{ dataset: "knowledge_q2", stand_ins: ["flan"] }],
  knowledge_q3: [{ dataset: "knowledge_q3", stand_ins: ["flan"] }],
  dclm: [{ dataset: "dclm", stand_ins: ["wikipedia_long"] }],
  pycode: [{ dataset: "code_search_net", stand_ins: ["pycode"] }],
  gsm8k: [{ dataset: "gsm8k" }],
  lima: [{ dataset: "lima" }],
  apps: [{ dataset: "apps" }],
};

/** Arms and ablations. */
const EXPERIMENTS: Pick<
  StudySettings,
  "midtraining" | "targets" | "matched" | "continued" | "grid" | "along_run"
> = {
  midtraining: [
    { name: "code", label: "Starcoder 20% from 6k", specialised: "code", weight: 0.2, start: CODE },
    { name: "math", label: "Math 12% from 20k", specialised: "math", weight: 0.12, start: MATH },
    { name: "flan", label: "FLAN 5% from 40k", specialised: "flan", weight: 0.05, start: OTHERS },
    {
      name: "knowledge_qa",
      label: "KnowledgeQA 20% from 40k",
      specialised: "knowledge_qa",
      weight: 0.2,
      start: OTHERS,
    },
    { name: "dclm", label: "DCLM 20% from 40k", specialised: "dclm", weight: 0.2, start: OTHERS },
  ],
  targets: [
    { name: "pycode", label: "Pycode" },
    { name: "gsm8k", label: "GSM8K" },
    { name: "lima", label: "LIMA" },
    { name: "sciq", label: "SciQ" },
  ],
  matched: { code: "pycode", math: "gsm8k", flan: "lima", knowledge_qa: "sciq", dclm: "lima" },
  continued: {
    specialised: ["code", "math"],
    starts: { code: [at(40_000)], math: [at(50_000)] }, // 83.9B and 104.9B tokens
  },
  grid: {
    specialised: "code",
    weight: 0.2,
    starts: [6_000, 20_000, 30_000, 40_000, 50_000].map(at),
    weights: [0.1, 0.2, 0.3, 0.5, 0.8],
    weight_starts: [at(30_000), at(50_000)],
  },
  // The ends of both runs are the arms themselves.
  along_run: { arm: "code", at: [10_000, 20_000, 30_000, 40_000, 50_000].map(at) },
};
