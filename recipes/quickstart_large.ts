/**
 * The quickstart at a larger size: 1.8M parameters and about 1.5M tokens per arm, minutes on two cores. It reads packages
 * that `deno task datasets` installs.
 *
 * @module
 */
import { defineRecipe } from "@causeway/core/recipe";
import { compareArms, header } from "./quickstart.ts";

export default defineRecipe(
  { ...header, name: "quickstart_large" },
  (recipe) =>
    compareArms(recipe, {
      // Limited, since the State of the Union addresses alone are larger than the other three together.
      general: [
        { dataset: "brown" },
        { dataset: "sotu", max_bytes: 2_500_000 },
        { dataset: "spam_assassin" },
        { dataset: "moby_dick" },
      ],
      pycode: [{ dataset: "pycode" }],
      vocab_size: 4096,
      tokenizer_bytes: 4_000_000,
      sequence_length: 256,
      branch_step: 240,
      horizon_steps: 400,
      validation_sequences: 32,
      evaluation_sequences: 256,
    }),
);
