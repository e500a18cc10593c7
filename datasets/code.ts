/**
 * Program source in several languages, without Python.
 *
 * @module
 */
import {
  type DatasetCard,
  readSources,
  requireDocuments,
  type SourcePackage,
} from "../core/readers/mod.ts";

/**
 * Light packages that ship the source they are written in. None is a dependency of the laboratory
 * itself, so that updating one of those never changes the data.
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
  revision: () => `${PACKAGES.map(({ pin }) => pin).join(" ")} reader 1`,
  documents: () => requireDocuments("code", readSources(PACKAGES)),
};
