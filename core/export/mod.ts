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
  WEIGHT_DTYPES,
  type WeightDtype,
} from "./export_model.ts";
export { codeSpan, plainText } from "./markdown.ts";
export { type DataRow, type LossRow, type ModelFacts, type PhaseFacts } from "./model_card.ts";
export { ONNX_DTYPES, type OnnxDtype } from "./onnx.ts";
export { type Verification, verifyExport } from "./verify.ts";
