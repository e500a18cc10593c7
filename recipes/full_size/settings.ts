/**
 * The paper's study at full size: the settings that its models share. A run has 61,035 steps of 1,024 sequences of 2,048
 * tokens, 128B tokens in total. docs/paper.md compares every value with the paper's.
 *
 * @module
 */
import type { StudySettings } from "../paper/settings.ts";

const SEQUENCE_LENGTH = 2048;
const HORIZON_STEPS = 61_035;

/** A step as a share of the horizon. */
const at = (step: number) => step / HORIZON_STEPS;

/** Start of the paper's mixtures. */
const [CODE, MATH, OTHERS] = [at(6_000), at(20_000), at(40_000)];

/** Start of continued pretraining: at 83.9B and 104.9B tokens. */
const CONTINUED = [at(40_000), at(50_000)];

/** The paper's learning rates, of Tables 6 and 7. */
const RATES = [
  ...[4e-6, 8e-6, 1e-5, 2e-5, 4e-5, 5e-5, 6e-5, 7e-5, 8e-5, 9e-5],
  ...[1e-4, 1.2e-4, 1.4e-4, 1.6e-4, 1.8e-4, 2e-4, 2.4e-4, 4e-4, 5e-4, 6e-4, 8e-4],
  ...[1e-3, 2e-3, 3e-3, 4e-3, 6e-3],
];

/** The settings that differ between the models. */
export interface FullSize {
  /** A preset, such as "pythia-70m". */
  readonly model: `pythia-${string}` & StudySettings["model"];
  readonly micro_batch_size: number;
  /**
   * Folder with Pythia's tokenizer, such as that of a model in the hub's cache; by default one of the same size is trained on
   * the data.
   */
  readonly tokenizer?: string;
}

/** The study with one model. */
export function fullSize({ model, micro_batch_size, tokenizer }: FullSize): StudySettings {
  const size = model.split("-")[1].toUpperCase();
  return {
    name: `paper_${model.replace("-", "_")}`,
    title: `Midtraining as a bridge: the study with Pythia ${size}`,
    description: `The paper's study: five mixtures, four fine-tuning sets, Pythia ${size}.`,
    seed: 1337,
    facts: {
      tokenizer: tokenizer === undefined
        ? "a byte-level BPE of the size of Pythia's padded vocabulary, learned from the data; the paper takes Pythia's"
        : "Pythia's",
      data:
        "no set is read twice in pretraining and midtraining; one that is too small ends the run",
    },
    data: { sources: SOURCES, vocab_size: 50_304, tokenizer_bytes: 200_000_000 },
    ...tokenizer !== undefined && { tokenizer: { folder: tokenizer } },
    // Pythia's vocabulary is padded to a multiple of 128.
    vocab_size: 50_304,
    model,
    general: "c4",
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
    rates: RATES as [number, ...number[]],
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

/** Stand-ins allow planning and trying the recipe on a data root without a dataset; they are too small for a full run. */
const SOURCES: StudySettings["data"]["sources"] = {
  c4: [{ dataset: "c4", stand_ins: ["wikipedia", "newsgroups"] }],
  code: [{ dataset: "starcoder", stand_ins: ["code"] }],
  math: [
    { dataset: "mammoth", stand_ins: ["math_qa", "aqua_rat"] },
    { dataset: "open_math_instruct", stand_ins: ["math"] },
  ],
  flan: [{ dataset: "flan" }],
  knowledge_qa: [{ dataset: "knowledge_qa", stand_ins: ["trivia_qa", "factbook"] }],
  dclm: [{ dataset: "dclm", stand_ins: ["wikipedia_long"] }],
  pycode: [{ dataset: "code_search_net", stand_ins: ["pycode"] }],
  gsm8k: [{ dataset: "gsm8k" }],
  lima: [{ dataset: "lima" }],
  sciq: [{ dataset: "sciq" }],
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
  continued: { specialised: ["code", "math"], starts: CONTINUED },
  grid: {
    specialised: "code",
    weight: 0.2,
    starts: [6_000, 20_000, 30_000, 40_000, 50_000].map(at),
    weights: [0.1, 0.2, 0.3, 0.5, 0.8],
    weight_starts: [30_000, 50_000].map(at),
  },
  along_run: { arm: "code", at: [10_000, 20_000, 30_000, 40_000, 50_000].map(at) },
};
