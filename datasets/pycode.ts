/**
 * Documented Python functions of the standard library.
 *
 * @module
 */
import {
  type ArchivedFile,
  type DatasetCard,
  type Document,
  documentedFunctions,
  hashShare,
  readPackageFile,
  readZip,
  requireDocuments,
  type Split,
  textDigest,
} from "../core/readers/mod.ts";

const PIN = "pyodide@314.0.7";
const ARCHIVE = "python_stdlib.zip";
/** Share of modules, and so about of functions, that go to validation. */
const VALIDATION_SHARE = 0.1;

export const pycode: DatasetCard = {
  name: "pycode",
  title: "Documented functions of the Python standard library",
  role: "the fine-tuning set Pycode: documented Python functions",
  source: { origins: [PIN], homepage: "https://pyodide.org" },
  licence: { spdx: "PSF-2.0", note: "Python's standard library; Pyodide's own modules: MPL-2.0" },
  reading: "one document per function or method with a docstring, decorators included, dedented; " +
    "split by module; an exact duplicate of an earlier function is left out, so that none is in both sets",
  revision: () => `${PIN} reader 1`,
  documents: () => requireDocuments("pycode", readFunctions()),
};

async function* readFunctions(): AsyncGenerator<Document> {
  const archive = await readPackageFile(PIN, ARCHIVE);
  const modules: ArchivedFile[] = [];
  const isPython = (path: string) => path.endsWith(".py");
  for await (const file of readZip(archive, `${PIN}/${ARCHIVE}`, isPython)) modules.push(file);
  yield* splitFunctions(modules);
}

/**
 * Cuts modules into functions, those of all training modules first, so that a validation function that
 * also stands in a training module is known by then and left out.
 */
export function* splitFunctions(modules: readonly ArchivedFile[]): Generator<Document> {
  const seen = new Set<string>();
  for (const split of ["train", "validation"] as const) {
    for (const { path, text } of modules) {
      if (moduleSplit(path) !== split) continue;
      for (const { name, line, text: body } of documentedFunctions(text)) {
        const digest = textDigest(body);
        if (seen.has(digest)) continue;
        seen.add(digest);
        yield { id: `${path}:${line}:${name}`, text: body, split, group: path };
      }
    }
  }
}

function moduleSplit(path: string): Split {
  return hashShare("pycode split", path) < VALIDATION_SHARE ? "validation" : "train";
}
