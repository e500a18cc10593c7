/**
 * Exports a model: all files of a folder that transformers or transformers.js load.
 *
 * @module
 */
import type { ParameterArrays } from "../model/mod.ts";
import type { FilesInput } from "../stage/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { checkpointReader, describeLineage, loadTrainerState } from "../train/mod.ts";
import { modelCard, type ModelFacts } from "./model_card.ts";
import { type OnnxDtype, onnxFiles } from "./onnx.ts";

/** `hf` for Python's transformers, `onnx` for transformers.js. */
export const EXPORT_FORMATS = ["hf", "onnx"] as const;

export type ExportFormat = typeof EXPORT_FORMATS[number];

export interface ExportOptions {
  readonly format: ExportFormat;
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
  readonly tokenizer: Pick<Tokenizer, "end_of_text">;
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
  { format, dtypes, folder }: ExportOptions,
): Generator<ExportedFile> {
  yield copied(files, "config.json");
  if (format === "hf") { for (const name of weightFiles(files)) yield copied(files, name); }
  for (const name of tokenizerFiles(files, facts.name)) yield copied(files, name);
  if (format === "onnx") yield* onnxFiles(parameters, dtypes);
  yield { name: "generation_config.json", content: generationConfig(tokenizer.end_of_text) };
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

/** The tokens that `generate` of either library ends and pads texts with. */
function generationConfig(end_of_text: number): string {
  const config = {
    bos_token_id: end_of_text,
    eos_token_id: end_of_text,
    pad_token_id: end_of_text,
  };
  return JSON.stringify(config, null, 2) + "\n";
}

/** One line for each phase that trained a checkpoint; none for a model without training state. */
export async function lineageLines(files: FilesInput): Promise<string[]> {
  if (!files.names.includes("trainer_state.json")) return [];
  const { lineage = [] } = await loadTrainerState(checkpointReader(files));
  return describeLineage(lineage);
}
