/**
 * Readers: from files to records and documents, and the card that describes a dataset.
 *
 * @module
 */
export { requireDocuments } from "./card.ts";
export type { DatasetCard, Document, DocumentOptions, Licence, Split } from "./card.ts";
export { BLANK, conversationOf, plainConversation } from "./conversation.ts";
export { cutText } from "./cut_text.ts";
export { hashShare, textDigest } from "./digests.ts";
export { FORMAT_NAMES, FORMATS, type RecordFormat } from "./formats.ts";
export { listFiles, packageFolder, type PackagePlace, readPackageFile } from "./npm_package.ts";
export { recordCard } from "./record_card.ts";
export type { RecordReading } from "./record_reading.ts";
export { contentDigest, findSplitFiles, hubOrigins } from "./record_files.ts";
export type { Beside, RecordPath, RecordPaths, SplitFiles } from "./record_files.ts";
export { readRecords } from "./records.ts";
export { compileTemplate } from "./template.ts";
export type { Columns, Render } from "./template.ts";
export { readZip } from "./zip.ts";
export type { ArchivedFile } from "./zip.ts";
