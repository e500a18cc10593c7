/**
 * SciQ: the likeliest of four options is chosen.
 *
 * @module
 */
import { logLikelihoods } from "../../core/generate/mod.ts";
import type { SciqConfig } from "./config.ts";
import { proportion } from "./metrics.ts";
import { asInTuning, readRecords, spread } from "./questions.ts";
import { type Answer, promptTokens, type Task } from "./task.ts";

/** The right one last, as in lm-evaluation-harness: of options that are equally likely the first is chosen. */
const OPTIONS = ["distractor1", "distractor2", "distractor3", "correct_answer"];

/**
 * Multiple choice by log-likelihood of each option given the prompt of the dataset's card:
 *
 * - `acc`: the option of the largest log p(option | prompt) is the right one
 * - `acc_norm`: the same of log p per UTF-8 byte of the option, which does not favour short ones (lm-evaluation-harness
 *   divides by characters)
 *
 * The end-of-text token does not count. `task_samples` holds the verdict of `acc`, and as output the option it chose.
 */
export async function sciqTask(
  config: SciqConfig,
  reading: { signal: AbortSignal; log: (message: string) => void },
): Promise<Task> {
  const { validation } = await readRecords("sciq", config, reading);
  const { prompt } = asInTuning("sciq");
  const questions = spread(validation, config.max_questions).map(([place, record]) => ({
    place,
    prompt: prompt(record, `sciq, record ${place + 1}`),
    options: OPTIONS.map((column) => String(record[column])),
  }));
  return {
    name: "sciq",
    questions: questions.length,
    async answer(model, start, end) {
      const { decoder, weights, tokenizer, pulse } = model;
      const asked = questions.slice(start, end);
      const continuations = asked.flatMap(({ prompt, options }) =>
        options.map((option) => {
          const tokens = tokenizer.encode(option);
          return { prompt: promptTokens(model, [prompt], tokens.length), tokens };
        })
      );
      const logs = await logLikelihoods(decoder, weights, continuations, pulse);
      return asked.map(({ place, prompt, options }, i): Answer => {
        const of_question = Array.from(logs.subarray(i * OPTIONS.length, (i + 1) * OPTIONS.length));
        const right = OPTIONS.length - 1;
        const chosen = largest(of_question);
        return {
          question: place,
          sample: 0,
          prompt,
          output: options[chosen],
          reference: options[right],
          scores: {
            acc: chosen === right,
            acc_norm: largest(of_question.map((log, o) => log / byteLength(options[o]))) === right,
          },
        };
      });
    },
    metrics: (answers) =>
      ["acc", "acc_norm"].map((metric) => proportion(answers, metric, 1 / OPTIONS.length)),
  };
}

/** The place of the largest number, the first of equal ones. */
function largest(numbers: readonly number[]): number {
  return numbers.indexOf(Math.max(...numbers));
}

const byteLength = (text: string) => Math.max(1, new TextEncoder().encode(text).length);
