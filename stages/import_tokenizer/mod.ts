/**
 * The import_tokenizer stage: a tokenizer that is there already, such as Pythia's, in place of one that is learned.
 *
 * @module
 */
import { defineStage, ports } from "../../core/stage/mod.ts";
import { vocabularySize } from "../../core/tokenizer/mod.ts";
import { config, readTokenizer } from "./config.ts";

export const import_tokenizer = defineStage({
  name: "import_tokenizer",
  version: "1",
  description: "Takes a Hugging Face tokenizer from a folder.",
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
