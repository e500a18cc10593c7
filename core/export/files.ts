/**
 * What an export is made of.
 *
 * @module
 */

/** One file of an exported model. */
export interface ExportedFile {
  /** With "/" between folders. */
  readonly name: string;
  readonly content: Uint8Array | string | { readonly path: string };
}
