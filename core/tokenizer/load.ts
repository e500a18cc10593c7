/**
 * Loading a tokenizer from its files.
 *
 * @module
 */
import { ByteLevelCodec } from "./byte_level_codec.ts";
import { byteLevelDefinition, type Definition, idCount } from "./definition.ts";
import { libraryCodec } from "./library.ts";
import { makeTokenizer, type Tokenizer } from "./tokenizer.ts";

/**
 * Loads a Hugging Face tokenizer. Byte-level BPE as of GPT-2, GPT-NeoX and Pythia is done here, with the ids of
 * Hugging Face's Rust tokenizers; all else by `@huggingface/transformers`. The tokenizer's `kind` says which.
 *
 * @param json content of `tokenizer.json`
 * @param config content of `tokenizer_config.json`; its `eos_token` ends documents
 * @param options.kind `library` leaves every tokenizer to the library.
 * @throws {Error} when either is not JSON or not of a tokenizer, or the `eos_token` is unknown.
 */
export async function loadTokenizer(
  json: string,
  config: string,
  { kind }: { kind?: "library" } = {},
): Promise<Tokenizer> {
  const definition = parse<Definition>(json, "tokenizer.json");
  const settings = parse<{ eos_token?: string | { content: string } }>(
    config,
    "tokenizer_config.json",
  );
  if (typeof definition?.model?.vocab !== "object") {
    throw new Error(
      "tokenizer.json holds no model with a vocabulary; is it a Hugging Face tokenizer?",
    );
  }
  const vocabulary = {
    vocab_size: idCount(definition),
    end_of_text: endOfText(definition, settings.eos_token),
  };
  const byte_level = kind === "library" ? undefined : byteLevelDefinition(definition);
  return byte_level === undefined
    ? makeTokenizer(await libraryCodec(definition, settings), { kind: "library", ...vocabulary })
    : makeTokenizer(new ByteLevelCodec(byte_level), { kind: "byte_level", ...vocabulary });
}

function parse<T>(text: string, name: string): T {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is not valid JSON (${(error as Error).message})`);
  }
}

function endOfText(
  { model, added_tokens = [] }: Definition,
  eos_token: string | { content: string } | undefined,
): number {
  const content = typeof eos_token === "object" ? eos_token?.content : eos_token;
  if (content === undefined) throw new Error("tokenizer_config.json names no eos_token");
  const id = added_tokens.find((token) => token.content === content)?.id ?? model.vocab[content];
  if (id === undefined) {
    throw new Error(
      `tokenizer_config.json names the eos_token "${content}", which is not in the vocabulary`,
    );
  }
  return id;
}
