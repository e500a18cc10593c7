/**
 * Checks that imports point one way through the tree (docs/architecture.md, "Import directions").
 *
 * ```sh
 * deno run -R tests/check_imports.ts
 * ```
 *
 * prints each violation as `file:line imports X: rule` and exits with 1 when there is one.
 *
 * @module
 */

/** Core folders that stages and plugins may build on; the others run them and are none of their business. */
const CORE_FOR_STAGES = [
  "stage",
  "arrow",
  "data",
  "random",
  "analysis",
  "model",
  "train",
  "engine",
  "generate",
  "graph",
  "tokenizer",
  "report",
  "export",
];
const CORE_FOR_DATASETS = ["stage", "data"];

/** Packages that one part of core wraps for all the others. */
const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  "onnxruntime-node": ["core/engine"],
  "apache-arrow": ["core/arrow", "core/data"],
  "hyparquet": ["core/data"],
  "hyparquet-compressors": ["core/data"],
  "@zip.js/zip.js": ["core/data"],
  "@huggingface/hub": ["core/data"],
  // core/export only in a test, which runs what it wrote.
  "@huggingface/transformers": ["core/tokenizer", "core/export"],
  "aws4fetch": ["core/storage"],
  "jstat": ["core/analysis"],
  "hono": ["core/status", "core/cli"],
};

/** One literal specifier in a source file. A `url` names a module that is loaded elsewhere, as a Worker is. */
export interface ImportSite {
  readonly specifier: string;
  /** Counted from 1. */
  readonly line: number;
  readonly kind: "import" | "url";
}

export interface Violation {
  /** Path from the root of the tree. */
  readonly file: string;
  readonly line: number;
  /** What is imported: a path from the root of the tree, or a package name. */
  readonly imported: string;
  readonly rule: string;
}

const STRING = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/.source;
const COMMENT = /\/\*[^]*?\*\/|\/\/[^\n]*/.source;
/** Up to one template within a substitution of another. */
const TEMPLATE = /`(?:\\[^]|\$\{(?:[^{}`]|`[^`]*`|\{[^{}]*\})*\}|[^`\\])*`/.source;
/** A slash opens a regular expression where a value may begin, and divides elsewhere. */
const REGEXP =
  /(?<=(?:^|[=(,:;!&|?{}[]|\breturn)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\//
    .source;
const NOT_CODE = new RegExp(`(${STRING})|${COMMENT}|${TEMPLATE}|${REGEXP}`, "g");

const SPECIFIER = /(?<quote>["'])(?<name>[^"'\n]+)\k<quote>/.source;
const SITE = new RegExp(
  [
    `(?<![.\\w$])(?:import|export)\\b(?:[\\w$\\s,{}*]*?[\\s}*]from)?\\s*${SPECIFIER}`,
    `(?<![.\\w$])import\\s*\\(\\s*${SPECIFIER}`,
    `(?<url>new\\s+URL\\(\\s*${SPECIFIER}\\s*,\\s*import\\.meta\\.url)`,
    `(?<resolve>import\\.meta\\.resolve\\(\\s*${SPECIFIER})`,
    STRING,
  ].join("|"),
  "g",
);

/**
 * Finds static imports, re-exports, dynamic imports and module URLs with literal specifiers.
 *
 * @example
 * ```ts
 * import { findImports } from "./check_imports.ts";
 * import assert from "node:assert/strict";
 *
 * const text = 'import { z } from "zod";\n// import "ignored";\nawait import("./b.ts");';
 * assert.deepEqual(findImports(text), [
 *   { specifier: "zod", line: 1, kind: "import" },
 *   { specifier: "./b.ts", line: 3, kind: "import" },
 * ]);
 * ```
 */
export function findImports(text: string): ImportSite[] {
  const blank = (match: string, string?: string) => string ?? match.replace(/[^\n]/g, " ");
  const code = text.replace(NOT_CODE, blank);
  const sites: ImportSite[] = [];
  for (const match of code.matchAll(SITE)) {
    const groups = match.groups!;
    if (groups.name === undefined) continue; // any other string
    const kind = groups.url === undefined && groups.resolve === undefined ? "import" : "url";
    const line = code.slice(0, match.index + match[0].indexOf(groups.quote)).split("\n").length;
    sites.push({ specifier: groups.name, line, kind });
  }
  return sites;
}

/** Where a module stands: `core/graph/ops.ts` is unit `graph` of area `core`. */
interface Place {
  readonly path: string;
  readonly area: string;
  readonly unit: string;
  readonly is_test: boolean;
}

function placeOf(path: string): Place {
  const [area, second = ""] = path.split("/");
  const unit = second.replace(/(_test)?\.[^.]+$/, "");
  return { path, area, unit, is_test: area === "tests" || /_test\.[^.]+$/.test(path) };
}

/** The rule that an import from one module of the tree to another breaks, if any. */
function brokenRule(from: Place, to: Place, kind: ImportSite["kind"]): string | undefined {
  const inside = from.area === to.area && from.unit === to.unit;
  if (inside) return undefined;
  if (to.area === "recipes") {
    const allowed = ["recipes", "bench", "tests"].includes(from.area);
    return allowed ? undefined : "only other recipes, benchmarks and tests import recipes";
  }
  if (to.area === "tests") return from.is_test ? undefined : "only tests import tests/";
  const direction = brokenDirection(from, to);
  if (direction !== undefined) return direction;
  // core/readers/mod.ts is a public face too: whoever does not read files need not load its parsers.
  const is_face = /^core\/\w+\/(\w+\/)?mod\.ts$/.test(to.path);
  if (to.area === "core" && kind === "import" && !is_face) {
    return `import core/${to.unit}/mod.ts, the public face of core/${to.unit}`;
  }
}

function brokenDirection(from: Place, to: Place): string | undefined {
  switch (from.area) {
    case "core":
      if (to.area !== "core") return "core imports only core";
      return from.unit === "stage" ? "core/stage imports nothing of this project" : undefined;
    case "stages":
    case "plugins":
      if (to.area === "core") {
        return CORE_FOR_STAGES.includes(to.unit)
          ? undefined
          : `stages and plugins may not import core/${to.unit}`;
      }
      if (to.area === "datasets") return undefined;
      // stages/mod.ts and plugins/mod.ts list what their folder holds, and tests may chain stages.
      if (to.area === from.area && from.unit === "mod") return undefined;
      if (from.is_test) return undefined;
      return "a stage or plugin imports no other";
    case "datasets":
      if (to.area === "datasets") return undefined;
      if (to.area === "core" && CORE_FOR_DATASETS.includes(to.unit)) return undefined;
      return "datasets import only core/stage and core/data";
  }
}

/** `npm:hono@4.1.0/cors`, `hono/cors` -> `hono`. */
function packageOf(specifier: string): string {
  const parts = specifier.replace(/^(npm|jsr):\/?/, "").split("/");
  const name = parts[0].startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
  return name.replace(/(?<=.)@.*$/, "");
}

function checkSite(file: string, { specifier, line, kind }: ImportSite): Violation | undefined {
  const from = placeOf(file);
  // Bare names are packages, also where the import map points one at an adapter in this tree.
  if (/^\.{1,2}\//.test(specifier)) {
    const url = new URL(specifier, `file:///${file}`);
    const to = placeOf(decodeURIComponent(url.pathname).slice(1));
    if (kind === "url" && !SOURCE_FILE.test(to.path)) return undefined; // a data file or a folder
    const rule = brokenRule(from, to, kind);
    return rule === undefined ? undefined : { file, line, imported: to.path, rule };
  }
  const name = packageOf(specifier);
  const owners = Object.hasOwn(PACKAGE_OWNERS, name) ? PACKAGE_OWNERS[name] : undefined;
  if (owners === undefined || owners.includes(`${from.area}/${from.unit}`)) return undefined;
  return { file, line, imported: name, rule: `only ${owners.join(" and ")} may import ${name}` };
}

/**
 * Checks every import of a set of source files.
 *
 * @param files text of each file by its path from the root of the tree, with `/` between folders.
 * @returns violations, in the order of the files.
 */
export function checkImports(files: Readonly<Record<string, string>>): Violation[] {
  return Object.entries(files).flatMap(([file, text]) =>
    findImports(text).flatMap((site) => checkSite(file, site) ?? [])
  );
}

const SOURCE_FILE = /\.[cm]?[jt]sx?$/;
const SKIPPED = new Set(["node_modules", "out", "tests/fixtures"]);

/** Reads every source file under a folder, sorted by path. Hidden folders are skipped. */
export async function readSources(root: string): Promise<Record<string, string>> {
  const paths: string[] = [];
  const walk = async (folder: string) => {
    for await (const entry of Deno.readDir(`${root}/${folder}`)) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith(".") || SKIPPED.has(path)) continue;
      if (entry.isDirectory) await walk(path);
      else if (entry.isFile && SOURCE_FILE.test(path)) paths.push(path);
    }
  };
  await walk("");
  paths.sort();
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(`${root}/${path}`)));
  return Object.fromEntries(paths.map((path, i) => [path, texts[i]]));
}

/** One line for a violation: `file:line imports X: rule`. */
export function describe({ file, line, imported, rule }: Violation): string {
  return `${file}:${line} imports ${imported}: ${rule}`;
}

if (import.meta.main) {
  const files = await readSources(Deno.args[0] ?? `${import.meta.dirname}/..`);
  const violations = checkImports(files);
  for (const violation of violations) console.error(describe(violation));
  if (violations.length > 0) Deno.exit(1);
  console.log(`Checked the imports of ${Object.keys(files).length} files`);
}
