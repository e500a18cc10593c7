/**
 * Readers: from packages and files to documents, and the card that describes a dataset.
 *
 * @module
 */
export { requireDocuments } from "./card.ts";
export type { DatasetCard, Document, DocumentOptions, Licence, Split } from "./card.ts";
export { listDataFiles } from "./file_set.ts";
export { fileDigest, hashShare, textDigest } from "./hash.ts";
export { readJsonl } from "./jsonl.ts";
export type { JsonlRecord } from "./jsonl.ts";
export { DEFAULT_LIMITS } from "./limits.ts";
export type { Limits } from "./limits.ts";
export { mailText } from "./mail.ts";
export { listFiles, packageFolder, parsePin, readPackageFile } from "./npm_package.ts";
export type { PackagePin } from "./npm_package.ts";
export { documentedFunctions } from "./python_functions.ts";
export type { PythonFunction } from "./python_functions.ts";
export type { DataRecord, ReadOptions, RecordFormat } from "./reading.ts";
export { recordCard } from "./record_card.ts";
export type { RecordCardOptions, RecordReading, Where } from "./record_card.ts";
export { contentDigest, findSplitFiles } from "./record_files.ts";
export type { RecordPath, RecordPaths, SplitFiles } from "./record_files.ts";
export { readRecords } from "./records.ts";
export { isHandWritten, readSources } from "./source_files.ts";
export type { SourcePackage } from "./source_files.ts";
export { compileTemplate } from "./template.ts";
export type { Columns, Render } from "./template.ts";
export { readZip } from "./zip.ts";
export type { ArchivedFile } from "./zip.ts";
