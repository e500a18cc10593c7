/**
 * Config of the evaluate_tasks stage.
 *
 * @module
 */
import { positive_int } from "../../core/config/mod.ts";
import { compute_fields } from "../../core/engine/mod.ts";
import { z } from "zod";
import { questionCard, type QuestionOptions, type TaskName } from "./questions.ts";

/** A file, a glob or a folder, or `hf://org/name@revision/glob`. */
const path = z.string();

/** Fields that every task has. */
const common = {
  /** Where the records are, in any format that can be read, in place of the dataset's own. */
  path: z.strictObject({
    /** Of the questions. */
    validation: path,
    /** Of solved examples, where `shots` takes them from a training set. */
    train: path.optional(),
  }).optional(),
  /** Asks this many questions, at even distances over all; all when left out. */
  max_questions: positive_int.optional(),
  /** Filled in from the data; given, it must be the present one. */
  revision: z.string().optional(),
};

/** Grade school mathematics: the answer is generated and its number compared. */
const gsm8k = z.strictObject({
  /** Solved problems before each question: the first ones of the training set. */
  shots: z.int().nonnegative().default(0),
  /** Tokens of an answer at most. */
  max_new_tokens: positive_int.default(256),
  ...common,
});

/** Science questions with four options: the likeliest one is chosen. */
const sciq = z.strictObject({ ...common });

/** Python problems: programs are generated and run against the problem's tests. */
const mbpp = z.strictObject({
  /** Solved problems before each question: those that the set has for it, three at most. */
  shots: z.int().nonnegative().max(3).default(3),
  /** Programs for each problem. */
  samples: positive_int.default(1),
  /** The k of pass@k; none above `samples`. */
  k: z.array(positive_int).min(1).default([1]),
  /** 0: the likeliest program, for which one sample says all. */
  temperature: z.number().nonnegative().default(0.8),
  /** Samples among the likeliest tokens that together have this probability. */
  top_p: z.number().positive().max(1).default(0.95),
  /** Tokens of a program at most. */
  max_new_tokens: positive_int.default(256),
  /** Wall-clock time of a program with its tests; one that takes longer has failed. */
  timeout_seconds: z.number().positive().default(10),
  /** Memory of a program. */
  memory_megabytes: z.int().min(64).max(2048).default(256),
  ...common,
}).refine(({ k, samples }) => k.every((one) => one <= samples), "k is above samples")
  .refine(
    ({ temperature, samples }) => temperature > 0 || samples === 1,
    "several samples at temperature 0 are all the same",
  );

interface Unpinned extends QuestionOptions {
  readonly revision?: string | undefined;
}

/**
 * Adds the revision of the data to a task's config, as the tokenize stage does: it is part of the artifact's key, so
 * that other questions make another artifact. The result is a promise where the hub has to be asked.
 */
function pin<T extends Unpinned>(task: TaskName) {
  return (given: T, context: z.core.$RefinementCtx): Pinned<T> | Promise<Pinned<T>> => {
    const refuse = (message: string) => {
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    };
    const add = (revision: string) => {
      if (given.revision === undefined || given.revision === revision) {
        return { ...given, revision };
      }
      return refuse(
        `the questions of "${task}" are now at revision ${revision}, not ${given.revision}; run the recipe again, ` +
          "or leave revision out to take them as they are",
      );
    };
    const explain = (error: unknown) => refuse(error instanceof Error ? error.message : `${error}`);
    try {
      const revision = questionCard(task, given).revision();
      return typeof revision === "string" ? add(revision) : revision.then(add, explain);
    } catch (error) {
      return explain(error);
    }
  };
}

type Pinned<T> = T & { revision: string };

export const config = z.strictObject({
  /** What is asked; the questions come from the data root or the Hugging Face hub, as datasets do. */
  tasks: z.strictObject({
    gsm8k: gsm8k.transform(pin("gsm8k")).optional(),
    sciq: sciq.transform(pin("sciq")).optional(),
    mbpp: mbpp.transform(pin("mbpp")).optional(),
  }).refine((tasks) => Object.keys(tasks).length > 0, "names no task"),
  /** Texts that are computed together. */
  batch_size: positive_int.default(16),
  /** Resamples of the interval of pass@k. */
  resamples: positive_int.default(1000),
  threads: compute_fields.threads,
  device: compute_fields.device,
});

export type Config = z.output<typeof config>;
export type Gsm8kConfig = NonNullable<Config["tasks"]["gsm8k"]>;
export type SciqConfig = NonNullable<Config["tasks"]["sciq"]>;
export type MbppConfig = NonNullable<Config["tasks"]["mbpp"]>;
