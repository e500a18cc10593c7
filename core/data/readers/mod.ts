/**
 * Readers: from packages and files to documents, and the card that describes a dataset.
 *
 * @module
 */
export { requireDocuments } from "./card.ts";
export type { DatasetCard, Document, Licence, Split } from "./card.ts";
export { fileDigest, hashShare, textDigest } from "./hash.ts";
export { readJsonl } from "./jsonl.ts";
export type { JsonlRecord } from "./jsonl.ts";
export { jsonlCard } from "./jsonl_card.ts";
export type { JsonlCardOptions } from "./jsonl_card.ts";
export { mailText } from "./mail.ts";
export { listFiles, packageFolder, parsePin, readPackageFile } from "./npm_package.ts";
export type { PackagePin } from "./npm_package.ts";
export { documentedFunctions } from "./python_functions.ts";
export type { PythonFunction } from "./python_functions.ts";
export { isHandWritten, readSources } from "./source_files.ts";
export type { SourcePackage } from "./source_files.ts";
export { compileTemplate } from "./template.ts";
export type { Render } from "./template.ts";
export { readZip } from "./zip.ts";
export type { ArchivedFile } from "./zip.ts";
