/**
 * The import_tokenizer stage: an existing tokenizer, such as Pythia's, instead of one trained on the data.
 *
 * @module
 */
import { z } from "zod";
import { textDigest } from "@causeway/core/readers";
import { defineStage, ports } from "@causeway/core/stage";
import { TOKENIZER_FILES, type TokenizerFiles, vocabularySize } from "@causeway/core/tokenizer";
import { join } from "node:path";

const config = z.strictObject({
  /** Folder with `tokenizer.json` and `tokenizer_config.json`, such as a model's folder. */
  folder: z.string().min(1),
  /** Digest of the files, part of the artifact key. Filled in automatically; if set, the files must match it. */
  digest: z.string().optional(),
}).transform((given, context) => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message, path: ["folder"] });
    return z.NEVER;
  };
  try {
    const digest = textDigest(JSON.stringify(readTokenizer(given.folder)));
    if (given.digest === undefined || given.digest === digest) return { ...given, digest };
    return refuse(`the tokenizer in ${given.folder} has changed; run the recipe again`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return refuse(`${given.folder} has no ${TOKENIZER_FILES.join(" and ")}`);
  }
});

/** Contents of a tokenizer's files, by name. */
function readTokenizer(folder: string): TokenizerFiles {
  const texts = TOKENIZER_FILES.map((name) => [name, Deno.readTextFileSync(join(folder, name))]);
  return Object.fromEntries(texts);
}

export const import_tokenizer = defineStage({
  name: "import_tokenizer",
  version: "1",
  description: "Imports a Hugging Face tokenizer from a folder.",
  config,
  inputs: {},
  outputs: { tokenizer: ports.tokenizer },
  async run({ config: { folder }, outputs }) {
    for (const [name, text] of Object.entries(readTokenizer(folder))) {
      await outputs.tokenizer.write(name, text);
    }
  },
  forecast({ config: { folder } }) {
    const vocab_size = vocabularySize(readTokenizer(folder)["tokenizer.json"]);
    return { outputs: { tokenizer: { vocab_size } } };
  },
});
