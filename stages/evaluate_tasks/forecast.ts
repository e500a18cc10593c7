/**
 * What asking models questions will do and need, as far as it is known before the questions are read.
 *
 * @module
 */
import { familyOf, type ModelConfig, parameterCount, passFlops } from "@causeway/core/model";
import type { Forecast } from "@causeway/core/stage";
import { type CheckpointForecast, productOf } from "@causeway/core/train";
import { counted } from "@causeway/core/words";
import type { Config } from "./config.ts";
import { interpreterMemory } from "./python_sandbox.ts";

/** Questions of the published test sets: of SciQ's and GSM8K's, and MBPP's problems 11 to 510. */
const QUESTIONS = { gsm8k: 1319, sciq: 1000, mbpp: 500 } as const;

/**
 * Counts the answers that models write, each as long as it may become. Prompts, and the options of SciQ, are not counted:
 * their lengths are not known before they are tokenized.
 */
export function forecastTasks(
  { config, parents }: {
    readonly config: Config;
    readonly parents: { readonly models: Readonly<Record<string, unknown>> };
  },
): Forecast {
  const given = Object.values(parents.models) as (CheckpointForecast | undefined)[];
  const { tasks: { gsm8k, sciq, mbpp }, batch_size } = config;
  const questions = (name: keyof typeof QUESTIONS, max?: number) =>
    Math.min(max ?? Infinity, QUESTIONS[name]);
  const written = [
    ...gsm8k ? [questions("gsm8k", gsm8k.max_questions) * gsm8k.max_new_tokens] : [],
    ...mbpp ? [questions("mbpp", mbpp.max_questions) * mbpp.samples * mbpp.max_new_tokens] : [],
  ].reduce((sum, tokens) => sum + tokens, 0);
  const asked = [
    ...gsm8k ? [`${counted(questions("gsm8k", gsm8k.max_questions), "question")} of GSM8K`] : [],
    ...sciq ? [`${counted(questions("sciq", sciq.max_questions), "question")} of SciQ`] : [],
    ...mbpp ? [`${counted(questions("mbpp", mbpp.max_questions), "problem")} of MBPP`] : [],
  ].join(", ");
  const notes = [`asks ${asked}, if the sets have their published sizes; prompts are not counted`];
  if (given.some((model) => model === undefined)) {
    return { notes: [...notes, "the cost is unknown until the models exist"] };
  }
  const models = given.map((checkpoint) => checkpoint!.model);
  const [largest] = models.toSorted((a, b) => parameterCount(b) - parameterCount(a));
  return {
    ...(written > 0 && {
      tokens: models.length * written,
      // Attention to the tokens before is left out, as prompts are.
      flops: models.reduce((sum, model) => {
        return sum + written * passFlops(model, { rows: 1, length: 1 }, "forward");
      }, 0),
    }),
    memory: {
      weights: 4 * parameterCount(largest),
      "keys and values, at most": cacheBytes(largest, batch_size),
      ...(mbpp && { "Python interpreters": interpreterMemory(mbpp) }),
    },
    compute: productOf(config, largest, batch_size),
    notes,
  };
}

/** Bytes of keys and values at all positions of a model, in every layer. */
function cacheBytes(model: ModelConfig, rows: number): number {
  const { num_key_value_heads, head_dim } = familyOf(model).attentionShape(model);
  const { num_hidden_layers, max_position_embeddings } = model;
  return 4 * 2 * rows * num_hidden_layers * max_position_embeddings * num_key_value_heads *
    head_dim;
}
