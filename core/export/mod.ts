/**
 * Models as other libraries load them: Hugging Face's transformers, and transformers.js through ONNX.
 *
 * @module
 */
export {
  EXPORT_FORMATS,
  type ExportedFile,
  type ExportFormat,
  exportModel,
  type ExportOptions,
  lineageLines,
  type LoadedModel,
} from "./export_model.ts";
export {
  type DataRow,
  type LossRow,
  modelCard,
  type ModelFacts,
  type ModelShape,
  type PhaseFacts,
} from "./model_card.ts";
export { ONNX_DTYPES, type OnnxDtype } from "./onnx.ts";
export { dequantizeWeight, quantizeRows, quantizeWeight, type WeightBits } from "./quantize.ts";
