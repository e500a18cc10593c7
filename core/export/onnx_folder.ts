/**
 * A model as transformers.js loads it: ONNX files in `onnx/`, beside config and tokenizer.
 *
 * @module
 */
import { type ModelConfig, namedTensors, type ParameterArrays } from "../model/mod.ts";
import type { ExportedFile } from "./files.ts";
import { gptNeoXDecoder } from "./onnx_gpt_neox.ts";
import { llamaDecoder } from "./onnx_llama.ts";
import { OnnxGraph } from "./onnx_graph.ts";

/** Precisions under transformers.js's names (`dtype`), with the suffix of the file that it then looks for. */
export const ONNX_DTYPES = {
  /** Weights as they were trained. */
  fp32: { suffix: "", bits: 32 },
  /** Weights in 8 bits, activations in float32. */
  q8: { suffix: "_quantized", bits: 8 },
  /** Weights of linear layers in 4 bits, embeddings in 8. */
  q4: { suffix: "_q4", bits: 4 },
} as const;

export type OnnxDtype = keyof typeof ONNX_DTYPES;

/** A protobuf message holds at most 2 GiB. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * Yields the ONNX files of a model, one for each precision, made as they are asked for.
 *
 * @throws {Error} when a file would be larger than ONNX allows.
 */
export function* onnxFiles(
  parameters: ParameterArrays,
  dtypes: readonly OnnxDtype[],
): Generator<ExportedFile> {
  const weights = new Map(namedTensors(parameters).map((tensor) => [tensor.name, tensor]));
  for (const dtype of dtypes) {
    const { suffix, bits } = ONNX_DTYPES[dtype];
    const graph = new OnnxGraph(weights as never, bits);
    addDecoder(graph, parameters.config);
    const bytes = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    if (bits === 32 && bytes > MAX_BYTES) {
      throw new Error(
        `the weights take ${(bytes / 1e9).toFixed(1)} GB, and an ONNX file holds at most 2 GiB: ` +
          "export q8 or q4 instead",
      );
    }
    yield { name: `onnx/model${suffix}.onnx`, content: graph.encode("decoder") };
  }
}

function addDecoder(graph: OnnxGraph, config: ModelConfig): void {
  if (config.model_type === "llama") llamaDecoder(graph, config);
  else gptNeoXDecoder(graph, config);
}
