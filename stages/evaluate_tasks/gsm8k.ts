/**
 * GSM8K: the answer is generated, and its last number compared.
 *
 * @module
 */
import { generate } from "../../core/generate/mod.ts";
import type { Gsm8kConfig } from "./config.ts";
import { proportion } from "./metrics.ts";
import { asInTuning, readRecords, spread } from "./questions.ts";
import { type Answer, promptTokens, type Task } from "./task.ts";

/** Where another question begins, the answer has ended. The others are those of lm-evaluation-harness. */
const STOP = ["Question:", "</s>", "<|im_end|>"];

/**
 * Exact match as lm-evaluation-harness has it for `gsm8k`:
 *
 * - `exact_match_strict`: the number after the first "####"; wrong where there is none
 * - `exact_match_flexible`: the last number of the text
 *
 * Both are compared with the number after "####" of the reference, without commas and dollar signs, what comes before
 * "#### ", and a period at the end.
 *
 * Prompts are those of the dataset's card, as in fine-tuning. Before them stand `shots` solved problems, the first of the
 * training set, with empty lines between. Answers are generated greedily and end at the end-of-text token or where another
 * question begins. `task_samples` holds the strict verdict.
 */
export async function gsm8kTask(
  config: Gsm8kConfig,
  reading: { signal: AbortSignal; log: (message: string) => void },
): Promise<Task> {
  const records = await readRecords("gsm8k", config, reading);
  const { prompt, answer } = asInTuning("gsm8k");
  if (records.train.length < config.shots) {
    throw new Error(
      `gsm8k has ${records.train.length} training records for ${config.shots} shots; lower shots`,
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
        tokens: promptTokens(model, parts, max_new_tokens),
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

/** Whether the number of an answer is that of the reference. */
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
