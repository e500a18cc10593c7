/**
 * Source code in several languages, without Python.
 *
 * @module
 */
import {
  type DatasetCard,
  type Document,
  listFiles,
  packageFolder,
  readPackageFile,
  requireDocuments,
  textDigest,
} from "@causeway/core/readers";
import { installedRevision } from "./installed.ts";

/** Which files of a package are its own, hand-written source. */
interface SourcePackage {
  /** `name@version`. */
  readonly pin: string;
  readonly language: string;
  readonly spdx: string;
  /** Tested on the path inside the package. */
  readonly accept: RegExp;
  readonly reject?: RegExp;
}

/**
 * Small packages that include the source they are written in. None is a dependency of the laboratory itself, so that
 * updating a dependency never changes the data.
 */
const PACKAGES: readonly SourcePackage[] = [
  {
    pin: "@capacitor/android@8.5.2",
    language: "Java",
    spdx: "MIT",
    accept: /\/src\/main\/.*\.java$/,
  },
  { pin: "@noble/curves@2.4.0", language: "TypeScript", spdx: "MIT", accept: /^src\/.*\.ts$/ },
  {
    pin: "@openzeppelin/contracts@5.7.0",
    language: "Solidity",
    spdx: "MIT",
    accept: /\.sol$/,
  },
  { pin: "leaflet@1.9.4", language: "JavaScript", spdx: "BSD-2-Clause", accept: /^src\/.*\.js$/ },
  {
    pin: "lodash@4.18.1",
    language: "JavaScript",
    spdx: "MIT",
    accept: /^_?[a-zA-Z]+\.js$/,
    reject: /^(lodash|core)\.js$/, // bundles of the other files
  },
  { pin: "nan@2.30.0", language: "C++", spdx: "MIT", accept: /^nan.*\.h$/ },
  { pin: "node-addon-api@8.9.2", language: "C++", spdx: "MIT", accept: /^napi.*\.h$/ },
  { pin: "rxjs@7.8.2", language: "TypeScript", spdx: "Apache-2.0", accept: /^src\/.*\.ts$/ },
];

export const code: DatasetCard = {
  name: "code",
  title: "Source code of open packages in five languages",
  role: "code of several languages, the role of Starcoder",
  source: { origins: PACKAGES.map(({ pin }) => pin) },
  licence: {
    spdx: "MIT AND BSD-2-Clause AND Apache-2.0",
    note: PACKAGES.map(({ pin, language, spdx }) => `${pin} (${language}): ${spdx}`).join("; "),
  },
  reading:
    "one document per source file; minified, generated, trivial and very long files and exact " +
    "duplicates left out",
  revision: () => installedRevision(PACKAGES.map(({ pin }) => pin), 1),
  documents: () => requireDocuments("code", readSources()),
};

const MAX_FILE_CHARS = 300_000;
const MIN_FILE_CHARS = 200;
/** Hand-written source rarely has longer lines on average; minified code does. */
const MAX_MEAN_LINE_CHARS = 120;
const GENERATED =
  /@generated|\bauto-?generated\b|DO NOT (EDIT|MODIFY)|this file (was|is) (\w+ )?generated/i;

async function* readSources(): AsyncGenerator<Document> {
  const decoder = new TextDecoder();
  const seen = new Set<string>();
  for (const source of PACKAGES) {
    let count = 0;
    for (const path of listFiles(packageFolder(source.pin))) {
      if (!source.accept.test(path) || source.reject?.test(path)) continue;
      const text = decoder.decode(await readPackageFile(source.pin, path)).replace(/\r\n?/g, "\n");
      const digest = textDigest(text);
      if (!isHandWritten(text) || seen.has(digest)) continue;
      seen.add(digest);
      count++;
      yield { id: `${nameOf(source.pin)}/${path}`, text };
    }
    if (count === 0) {
      throw new Error(`npm package ${source.pin} has no source file matching ${source.accept}`);
    }
  }
}

/** Whether source is hand-written, not minified, generated, tiny or huge: by its length, mean line length and header. */
export function isHandWritten(text: string): boolean {
  if (text.length < MIN_FILE_CHARS || text.length > MAX_FILE_CHARS) return false;
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (text.length / lines.length > MAX_MEAN_LINE_CHARS) return false;
  return !GENERATED.test(text.slice(0, 1000));
}

/** `@scope/name@1.2.3` without the version. */
function nameOf(pin: string): string {
  return pin.slice(0, pin.lastIndexOf("@"));
}
