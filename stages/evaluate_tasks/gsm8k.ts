/**
 * GSM8K: generates the answer and compares its last number.
 *
 * @module
 */
import { z } from "zod";
import { positive_int } from "@causeway/core/config";
import { generate } from "@causeway/core/generate";
import { counted } from "@causeway/core/words";
import { asInTuning, pin, question_fields, readRecords, spread } from "./questions.ts";
import { type Answer, proportion, type Reading, type Task, taskPrompt } from "./task.ts";

/** Grade school math: generates the answer and compares its number with the reference. */
export const gsm8k_schema = z.strictObject({
  /** Number of few-shot examples before each question: the first ones of the training set. */
  shots: z.int().nonnegative().default(0),
  /** Maximum number of generated tokens per answer. */
  max_new_tokens: positive_int.default(256),
  ...question_fields,
}).transform(pin("gsm8k"));

/** The answer ends where another question starts. The other stop texts are those of lm-evaluation-harness. */
const STOP = ["Question:", "</s>", "<|im_end|>"];

/**
 * Exact match as in the task `gsm8k` of lm-evaluation-harness:
 *
 * - `exact_match_strict`: the number after the first "####"; wrong if there is none
 * - `exact_match_flexible`: the last number of the text
 *
 * Both are compared with the number after "####" of the reference. Commas, dollar signs, anything before "#### " and a
 * period at the end are ignored.
 *
 * Prompts are those of the dataset card, as in fine-tuning, after `shots` few-shot examples separated by empty lines.
 * Decoding is greedy and stops at the end-of-text token or where another question starts. `task_samples` has the strict
 * verdict.
 */
export async function gsm8kTask(
  config: z.output<typeof gsm8k_schema>,
  reading: Reading,
): Promise<Task> {
  const records = await readRecords("gsm8k", config, reading);
  const { prompt, answer } = asInTuning("gsm8k");
  if (records.train.length < config.shots) {
    throw new Error(
      `gsm8k has only ${counted(records.train.length, "training record")} for ${
        counted(config.shots, "shot")
      }; lower shots`,
    );
  }
  const shots = records.train.slice(0, config.shots).flatMap((record, i) => {
    const where = `gsm8k, training record ${i + 1}`;
    return [prompt(record, where), `${answer(record, where)}\n\n`];
  });
  const questions = spread(records.validation, config.max_questions).map(([place, record]) => {
    const where = `gsm8k, record ${place + 1}`;
    return { place, parts: [...shots, prompt(record, where)], reference: answer(record, where) };
  });
  const { max_new_tokens } = config;
  return {
    name: "gsm8k",
    questions: questions.length,
    async answer(model, start, end) {
      const asked = questions.slice(start, end);
      const { decoder, weights, tokenizer, seed, pulse } = model;
      const prompts = asked.map(({ place, parts }) => ({
        ...taskPrompt(model, parts.join(""), max_new_tokens),
        sample: place,
      }));
      const greedy = { temperature: 0, top_p: 1, seed };
      const options = { ...greedy, max_new_tokens, stop: STOP, onToken: pulse };
      const completions = await generate(decoder, weights, tokenizer, prompts, options);
      return asked.map(({ place, parts, reference }, i): Answer => ({
        question: place,
        sample: 0,
        prompt: parts.join(""),
        output: completions[i].text,
        reference,
        scores: exactMatch(completions[i].text, reference),
      }));
    },
    metrics: (answers) =>
      ["strict", "flexible"].map((m) => proportion(answers, `exact_match_${m}`, 0)),
  };
}

/** Whether the number of an answer equals that of the reference, by each metric. */
export function exactMatch(output: string, reference: string) {
  const wanted = normalized(reference);
  const strict = /#### (-?[0-9.,]+)/.exec(output)?.[1];
  const flexible = [...output.matchAll(/-?[$0-9.,]{2,}|-?[0-9]+/g)].at(-1)?.[0];
  return {
    exact_match_strict: strict !== undefined && normalized(strict) === wanted,
    exact_match_flexible: flexible !== undefined && normalized(flexible) === wanted,
  };
}

function normalized(text: string): string {
  return text.replaceAll(",", "").replaceAll("$", "").replace(/^[^]*#### /, "").replace(/\.$/, "")
    .toLowerCase();
}
