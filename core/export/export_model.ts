/**
 * Exports a model: all files of a folder that transformers or transformers.js load.
 *
 * @module
 */
import { z } from "zod";
import { parseJsonFile } from "../config/mod.ts";
import { encodeHalf, encodeParameters, type ParameterArrays } from "../model/mod.ts";
import type { FilesInput } from "../stage/mod.ts";
import { type TokenIds, withTokenIds } from "../tokenizer/mod.ts";
import { checkpointReader, describeLineage, loadTrainerState } from "../train/mod.ts";
import { plainText } from "./markdown.ts";
import { modelCard, type ModelFacts } from "./model_card.ts";
import { type OnnxDtype, onnxFiles } from "./onnx.ts";

/** `hf` for Python's transformers, `onnx` for transformers.js. */
export const EXPORT_FORMATS = ["hf", "onnx"] as const;

export type ExportFormat = typeof EXPORT_FORMATS[number];

/** Precisions of weights for transformers. */
export const WEIGHT_DTYPES = ["float32", "bfloat16", "float16"] as const;

export type WeightDtype = typeof WEIGHT_DTYPES[number];

export interface ExportOptions {
  readonly format: ExportFormat;
  /** Precision of weights for transformers; by default that of the model's files, which are copied. */
  readonly dtype?: WeightDtype;
  /** Precisions of ONNX files. */
  readonly dtypes: readonly OnnxDtype[];
  /** Name of the folder, for the card. */
  readonly folder: string;
}

/** A loaded model. */
export interface LoadedModel {
  /** Its files on disk. */
  readonly files: FilesInput;
  readonly parameters: ParameterArrays;
  readonly tokenizer: TokenIds;
}

/** One file of an exported model. */
export interface ExportedFile {
  /** With "/" between folders. */
  readonly name: string;
  readonly content: Uint8Array | string | { readonly path: string };
}

/** All files of a tokenizer; those that a model has are copied. */
const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];

/**
 * Yields the files of an export, each created on demand.
 *
 * @param facts what the model card says.
 * @throws {Error} when the model has no tokenizer, or is too large for an ONNX file.
 */
export function* exportModel(
  { files, parameters, tokenizer }: LoadedModel,
  facts: ModelFacts,
  { format, dtype, dtypes, folder }: ExportOptions,
): Generator<ExportedFile> {
  const given = (name: string) => files.names.includes(name) ? json(files.path(name)) : {};
  const config = withDtype(withTokenIds(given("config.json"), tokenizer), dtype);
  yield { name: "config.json", content: text(config) };
  if (format === "hf" && dtype !== undefined) {
    const weights = dtype === "float32"
      ? encodeParameters(parameters)
      : encodeHalf(parameters, dtype);
    yield { name: "model.safetensors", content: weights };
  } else if (format === "hf") {
    for (const name of weightFiles(files)) yield copied(files, name);
  }
  for (const name of tokenizerFiles(files, facts.name)) yield copied(files, name);
  if (format === "onnx") yield* onnxFiles(parameters, dtypes);
  const generation = generationConfig(given("generation_config.json"), tokenizer);
  yield { name: "generation_config.json", content: text(generation) };
  const usage = format === "hf" ? { format } : { format, folder, dtype: dtypes[0] };
  yield { name: "README.md", content: modelCard(facts, parameters.config, usage) };
}

function copied(files: FilesInput, name: string): ExportedFile {
  return { name, content: { path: files.path(name) } };
}

/** Weights as they are on disk: one file, or several with an index. */
function weightFiles({ names }: FilesInput): string[] {
  return names.filter((name) =>
    name === "model.safetensors.index.json" || /^model[\w.-]*\.safetensors$/.test(name)
  );
}

function tokenizerFiles({ names }: FilesInput, origin: string): string[] {
  const found = TOKENIZER_FILES.filter((name) => names.includes(name));
  if (found.includes("tokenizer.json")) return found;
  throw new Error(
    `${origin} has no tokenizer.json, which the exported model needs to read text; its files: ` +
      names.join(", "),
  );
}

/** The tokens that `generate` of either library ends and pads texts with, beside a model's own settings. */
function generationConfig(given: object, ids: TokenIds): object {
  return withTokenIds(given, { ...ids, pad_token_id: ids.pad_token_id ?? ids.eos_token_ids[0] });
}

/** transformers 5 writes `dtype`, earlier versions `torch_dtype`. */
function withDtype(config: object, dtype: WeightDtype | undefined): object {
  if (dtype === undefined) return config;
  return { ...config, [Object.hasOwn(config, "dtype") ? "dtype" : "torch_dtype"]: dtype };
}

const json = (path: string): object =>
  parseJsonFile(Deno.readTextFileSync(path), path, z.looseObject({}));
const text = (value: object) => JSON.stringify(value, null, 2) + "\n";

/** One line of Markdown for each phase that trained a checkpoint; none for a model without training state. */
export async function lineageLines(files: FilesInput): Promise<string[]> {
  if (!files.names.includes("trainer_state.json")) return [];
  const { lineage = [] } = await loadTrainerState(checkpointReader(files));
  return describeLineage(lineage).map(plainText);
}
