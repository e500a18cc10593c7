/**
 * The import_tokenizer stage: an existing tokenizer, such as Pythia's, instead of one trained on the data.
 *
 * @module
 */
import { errorText } from "@causeway/core/words";
import { z } from "zod";
import { snapshotFolder } from "@causeway/core/hub";
import { textDigest } from "@causeway/core/readers";
import { defineStage, ports } from "@causeway/core/stage";
import {
  bos_schema,
  COMPANION_FILES,
  completeFiles,
  endOfTextId,
  loadTokenizer,
  noTokenizer,
  TOKEN_SOURCES,
  TOKENIZER_FILES,
  vocabularySize,
  withChatTemplate,
} from "@causeway/core/tokenizer";
import { join } from "node:path";

const config = z.strictObject({
  /** Folder with `tokenizer.json`, such as a model's folder. */
  folder: z.string().min(1),
  /** The token that ends a text; by default the `eos_token` of `tokenizer_config.json` or `special_tokens_map.json`. */
  end_of_text: z.string().min(1).optional(),
  /**
   * Whether every text begins with the tokenizer's BOS token; "auto": if its post-processor adds one, as in transformers,
   * or `add_bos_token` is true. Saved with the tokenizer, so that training, evaluation, tasks, generation and exports
   * agree.
   */
  bos: bos_schema,
  /**
   * Chat template: the name of one that the tokenizer has, "plain" ("User: …", "Assistant: …"), "chatml", or a Jinja
   * template. Not set: that which the tokenizer has, if any. Saved with the tokenizer.
   */
  chat_template: z.string().min(1).optional(),
  /** Digest of the files, part of the artifact key. Filled in automatically; if set, the files must match it. */
  digest: z.string().optional(),
}).transform((given, context) => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message, path: ["folder"] });
    return z.NEVER;
  };
  try {
    const texts = readTexts(given.folder);
    const files = completeFiles(texts, given);
    endOfTextId(files);
    if (given.chat_template !== undefined) withChatTemplate(files, given.chat_template, texts);
    const digest = textDigest(JSON.stringify(texts));
    if (given.digest === undefined || given.digest === digest) return { ...given, digest };
    return refuse(`the tokenizer in ${given.folder} has changed; run the recipe again`);
  } catch (error) {
    return refuse(
      error instanceof Deno.errors.NotFound
        ? `folder ${given.folder} does not exist`
        : errorText(error),
    );
  }
});

const FILES: readonly string[] = [...TOKENIZER_FILES, ...COMPANION_FILES, ...TOKEN_SOURCES];

/** Contents of the files that say something of a tokenizer, by name. */
function readTexts(given: string): Record<string, string> {
  const folder = snapshotFolder(given);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  if (!names.includes("tokenizer.json")) {
    throw new Error(noTokenizer(names, folder));
  }
  return Object.fromEntries(
    FILES.filter((name) => names.includes(name))
      .map((name) => [name, Deno.readTextFileSync(join(folder, name))]),
  );
}

export const import_tokenizer = defineStage({
  name: "import_tokenizer",
  version: "2",
  description: "Imports a Hugging Face tokenizer from a folder.",
  config,
  inputs: {},
  outputs: { tokenizer: ports.tokenizer },
  async run({ config: { folder, end_of_text, bos, chat_template }, outputs, log }) {
    const texts = readTexts(folder), completed = completeFiles(texts, { end_of_text, bos, log });
    const files = chat_template === undefined
      ? completed
      : withChatTemplate(completed, chat_template, texts);
    // Refuses parts that are not supported.
    const { "tokenizer.json": json, "tokenizer_config.json": settings } = files;
    const { prefix_ids, decode } = await loadTokenizer(json, settings);
    const begin = prefix_ids.length === 0 ? "without a BOS token" : `with ${decode(prefix_ids)}`;
    log(`texts begin ${begin} (bos: ${bos})`);
    for (const [name, text] of Object.entries(files)) await outputs.tokenizer.write(name, text);
    if (chat_template !== undefined) return; // in the place of that in a file of its own
    for (const name of COMPANION_FILES.filter((name) => texts[name] !== undefined)) {
      await outputs.tokenizer.write(name, texts[name]);
    }
  },
  forecast({ config: { folder } }) {
    const vocab_size = vocabularySize(completeFiles(readTexts(folder))["tokenizer.json"]);
    return { outputs: { tokenizer: { vocab_size } } };
  },
});
