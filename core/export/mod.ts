/**
 * Models as other libraries load them: Hugging Face's transformers, and transformers.js through ONNX.
 *
 * @module
 */
export {
  type ExportFormat,
  exportModel,
  type ExportOptions,
  type LoadedModel,
} from "./export_model.ts";
export type { ExportedFile } from "./files.ts";
export { lineageLines } from "./lineage.ts";
export {
  type DataRow,
  type LossRow,
  modelCard,
  type ModelFacts,
  type ModelShape,
  type PhaseFacts,
} from "./model_card.ts";
export { ONNX_DTYPES, type OnnxDtype } from "./onnx_folder.ts";
export {
  dequantizeWeight,
  type QuantizedWeight,
  quantizeRows,
  quantizeWeight,
  type WeightBits,
} from "./quantize.ts";
