/**
 * A model as `from_pretrained` of Hugging Face's transformers loads it.
 *
 * @module
 */
import type { FilesInput } from "../stage/mod.ts";
import type { ExportedFile } from "./files.ts";

/** What tokenizers come in; those that a model has are copied. */
const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];

/**
 * The files of a checkpoint that make a model: weights as they are on disk, config and tokenizer.
 *
 * @throws {Error} when it has no tokenizer, without which the model reads no text.
 */
export function hfFiles(files: FilesInput, origin: string): ExportedFile[] {
  const { names } = files;
  const weights = names.filter((name) =>
    name === "model.safetensors.index.json" || /^model[\w.-]*\.safetensors$/.test(name)
  );
  return ["config.json", ...weights, ...tokenizerNames(files, origin)].map((name) => ({
    name,
    content: { path: files.path(name) },
  }));
}

/**
 * The tokenizer's files alone.
 *
 * @throws {Error} when there is none.
 */
export function tokenizerFilesOf(files: FilesInput, origin: string): ExportedFile[] {
  return tokenizerNames(files, origin).map((name) => ({
    name,
    content: { path: files.path(name) },
  }));
}

function tokenizerNames({ names }: FilesInput, origin: string): string[] {
  const found = TOKENIZER_FILES.filter((name) => names.includes(name));
  if (found.includes("tokenizer.json")) return found;
  throw new Error(
    `${origin} has no tokenizer.json, so what is exported could read no text; its files: ${
      names.join(", ")
    }`,
  );
}

/** What `generate` of either library ends texts with, and how it chooses tokens unless told. */
export function generationConfig(end_of_text: number): string {
  const config = {
    bos_token_id: end_of_text,
    eos_token_id: end_of_text,
    pad_token_id: end_of_text,
  };
  return JSON.stringify(config, null, 2) + "\n";
}
