/**
 * SciQ: chooses the most likely of four options.
 *
 * @module
 */
import { z } from "zod";
import { logLikelihoods } from "@causeway/core/generate";
import { asInTuning, pin, question_fields, readRecords, spread } from "./questions.ts";
import { type Answer, lastTokens, proportion, type Reading, type Task } from "./task.ts";

/** Science questions with four options: chooses the most likely one. */
export const sciq_schema = z.strictObject({ ...question_fields }).transform(pin("sciq"));

/** The correct one last, as in lm-evaluation-harness: of equally likely options the first is chosen. */
const OPTIONS = ["distractor1", "distractor2", "distractor3", "correct_answer"];

/**
 * Multiple choice by the log-likelihood of each option given the prompt of the dataset card:
 *
 * - `acc`: the option with the largest log p(option | prompt) is correct
 * - `acc_norm`: likewise for log p per UTF-8 byte of the option, which does not favour short options
 *   (lm-evaluation-harness divides by characters)
 *
 * The end-of-text token is not scored. `task_samples` has the verdict of `acc`, and the chosen option as output.
 */
export async function sciqTask(
  config: z.output<typeof sciq_schema>,
  reading: Reading,
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
          const document = { text: prompt + option, prompt_length_chars: prompt.length };
          const { tokens: all, loss_spans } = tokenizer.encodeDocument(document);
          const given = Math.max(1, loss_spans[0]);
          const tokens = all.subarray(given, -1); // without the end-of-text token
          const asked = lastTokens(model, Array.from(all.subarray(0, given)), tokens.length);
          return { prompt: asked, tokens };
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

/** Index of the largest number; the first one if there are several. */
function largest(numbers: readonly number[]): number {
  return numbers.indexOf(Math.max(...numbers));
}

const byteLength = (text: string) => Math.max(1, new TextEncoder().encode(text).length);
