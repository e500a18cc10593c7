/**
 * The import_model stage: a trained model that is there already, such as Pythia, from a folder or the Hugging Face hub.
 *
 * @module
 */
import { join } from "node:path";
import { openModel, parameterCount, toHuggingFace, writeModelFile } from "../../core/model/mod.ts";
import { defineStage, ports } from "../../core/stage/mod.ts";
import { vocabularySize } from "../../core/tokenizer/mod.ts";
import { importedState } from "../../core/train/mod.ts";
import { config, modelFiles } from "./config.ts";

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"] as const;

export const import_model = defineStage({
  name: "import_model",
  version: "1",
  description: "Takes a trained model as Hugging Face stores it.",
  config,
  inputs: {},
  outputs: { checkpoint: ports.checkpoint, tokenizer: ports.tokenizer },
  async run({ config, outputs, seed, log, report, signal }) {
    signal.throwIfAborted();
    const files = await modelFiles(config, log);
    const origin = config.folder ?? config.hub!;
    const model = await openModel(files, origin);
    log(`model of ${parameterCount(model.config).toLocaleString("en")} parameters`);
    const tokenizer = await tokenizerTexts(files, origin);
    checkVocabulary(tokenizer["tokenizer.json"], model.config.vocab_size, origin);
    const text = (json: unknown) => JSON.stringify(json, null, 2) + "\n";
    await outputs.checkpoint.write("config.json", text(toHuggingFace(model.config)));
    const folder = await Deno.makeTempDir({ prefix: "given_model_" });
    try {
      const path = join(folder, "model.safetensors");
      await writeModelFile(model, path, (done, total) => {
        signal.throwIfAborted();
        report(done, {}, total);
      });
      await outputs.checkpoint.write("model.safetensors", { path });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    await outputs.checkpoint.write("trainer_state.json", text(importedState(config.trained, seed)));
    for (const [name, content] of Object.entries(tokenizer)) {
      await outputs.checkpoint.write(name, content);
      await outputs.tokenizer.write(name, content);
    }
  },
});

async function tokenizerTexts(files: Awaited<ReturnType<typeof modelFiles>>, origin: string) {
  const missing = TOKENIZER_FILES.filter((name) => !files.names.includes(name));
  if (missing.length > 0) throw new Error(`${origin} has no ${missing.join(" and no ")}`);
  const [json, settings] = await Promise.all(
    TOKENIZER_FILES.map((name) => Deno.readTextFile(files.path(name))),
  );
  return { "tokenizer.json": json, "tokenizer_config.json": settings };
}

/** A model may have more rows than its tokenizer has tokens, as Pythia's do, but not fewer. */
function checkVocabulary(tokenizer: string, vocab_size: number, origin: string): void {
  const known = vocabularySize(tokenizer);
  if (known <= vocab_size) return;
  throw new Error(
    `${origin}: its tokenizer has ${known} tokens, and the model embeddings of ${vocab_size}; they belong to ` +
      "different models",
  );
}
