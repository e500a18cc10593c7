/**
 * The export_model stage: a recipe's trained model as a folder that other libraries load.
 *
 * @module
 */
import { z } from "zod";
import {
  EXPORT_FORMATS,
  exportModel,
  lineageLines,
  type LossRow,
  ONNX_DTYPES,
  type OnnxDtype,
  WEIGHT_DTYPES,
} from "@causeway/core/export";
import { checkVocabulary } from "@causeway/core/model";
import { rowsOf } from "@causeway/core/report";
import { defineStage, files, optional, ports } from "@causeway/core/stage";
import { openTokenizer } from "@causeway/core/tokenizer";
import { checkpointReader, loadParameters } from "@causeway/core/train";

const config = z.strictObject({
  name: z.string().regex(/^[\w.-]+$/, "letters, digits, and ._- only").meta({
    description: "Name of the model, for its card and its folder.",
  }),
  format: z.enum(EXPORT_FORMATS).default("hf").meta({
    description:
      "`hf`: for `AutoModelForCausalLM` of Python's transformers; `onnx`: for the text-generation pipeline of " +
      "transformers.js.",
  }),
  dtype: z.enum(WEIGHT_DTYPES).optional().meta({
    description:
      "Precision of the weights for `hf`: `float32`, `bfloat16` or `float16`; by default as they are.",
  }),
  dtypes: z.array(z.enum(Object.keys(ONNX_DTYPES) as [OnnxDtype, ...OnnxDtype[]])).min(1).default([
    "fp32",
    "q8",
  ]).meta({
    description: "Precisions of the ONNX files: `fp32`, `q8` (8-bit weights) or `q4`.",
  }),
});

export const export_model = defineStage({
  name: "export_model",
  version: "4",
  description: "Exports a model with a model card for transformers or transformers.js.",
  config,
  inputs: {
    checkpoint: ports.checkpoint,
    /** If connected, the card lists data and licences. */
    data: optional(ports.dataset_summary),
    /** If connected, the card has the losses of the model named `name`, or of all models. */
    evaluation: optional(ports.evaluation),
  },
  outputs: { model: files("exported_model", "a folder that other libraries load a model from") },
  async run({ config, inputs, outputs, signal, report }) {
    const { checkpoint } = inputs;
    const tokenizer = await openTokenizer(checkpoint);
    const parameters = await loadParameters(checkpointReader(checkpoint));
    checkVocabulary(tokenizer.vocab_size, parameters.config, config.name);
    const facts = {
      name: config.name,
      lineage: await lineageLines(checkpoint),
      phases: [],
      data: inputs.data ? await rowsOf(inputs.data) : [],
      losses: inputs.evaluation ? lossesOf(await rowsOf(inputs.evaluation), config.name) : [],
    };
    const loaded = { files: checkpoint, parameters, tokenizer };
    let done = 0;
    for (
      const { name, content } of exportModel(loaded, facts, { ...config, folder: config.name })
    ) {
      signal.throwIfAborted();
      await outputs.model.write(name, content);
      report(++done);
    }
  },
});

/** Those of the model of this name; those of all if there is none. */
function lossesOf(rows: readonly (LossRow & { model: string })[], name: string): LossRow[] {
  const own = rows.filter(({ model }) => model === name);
  return own.length > 0 ? own : [...rows];
}
