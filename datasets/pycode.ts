/**
 * Documented Python functions of the standard library.
 *
 * @module
 */
import { parser } from "@lezer/python";
import {
  type ArchivedFile,
  type DatasetCard,
  type Document,
  hashShare,
  readPackageFile,
  readZip,
  requireDocuments,
  type Split,
  textDigest,
} from "@causeway/core/readers";
import { installedRevision } from "./installed.ts";

/** Node of the concrete syntax tree of `@lezer/python`. */
type SyntaxNode = ReturnType<typeof parser.parse>["topNode"];

const PIN = "pyodide@314.0.7";
const ARCHIVE = "python_stdlib.zip";
/** Share of modules, and roughly of functions, in the validation split. */
const VALIDATION_SHARE = 0.1;

export const pycode: DatasetCard = {
  name: "pycode",
  title: "Documented functions of the Python standard library",
  role: "the fine-tuning set Pycode: documented Python functions",
  source: { origins: [PIN], homepage: "https://pyodide.org" },
  licence: { spdx: "PSF-2.0", note: "Python's standard library; Pyodide's own modules: MPL-2.0" },
  reading: "one document per function or method with a docstring, decorators included, dedented; " +
    "split by module; an exact duplicate of an earlier function is left out, so that none is in both sets",
  revision: () => installedRevision([PIN], 1),
  documents: () => requireDocuments("pycode", readFunctions()),
};

async function* readFunctions(): AsyncGenerator<Document> {
  const archive = await readPackageFile(PIN, ARCHIVE);
  const modules: ArchivedFile[] = [];
  const isPython = (path: string) => path.endsWith(".py");
  for await (const file of readZip(archive, `${PIN}/${ARCHIVE}`, isPython)) modules.push(file);
  yield* splitFunctions(modules);
}

/** Cuts modules into functions, training modules first, so that a validation function also in one of them is left out. */
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

interface PythonFunction {
  readonly name: string;
  /** Line of `def`, counted from 1. */
  readonly line: number;
  /** Source from its decorators to its last line, dedented, with a newline at the end. */
  readonly text: string;
}

/**
 * Every function and method with a docstring, also nested ones, in source order. A function with a syntax error is
 * left out.
 *
 * A docstring is what Python's `ast.get_docstring` accepts: a string literal, possibly concatenated, as the first
 * statement of the body; neither bytes nor an f-string.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { documentedFunctions } from "./pycode.ts";
 * const source = 'class A:\n    def f(self):\n        "Says one."\n        return 1\n';
 * const [f] = documentedFunctions(source);
 * assert.equal(f.text, 'def f(self):\n    "Says one."\n    return 1\n');
 * ```
 */
export function documentedFunctions(source: string): PythonFunction[] {
  const text = source.replace(/\r\n?/g, "\n");
  const found: PythonFunction[] = [];
  let line = 1;
  let seen = 0;
  parser.parse(text).iterate({
    enter(reference) {
      if (reference.name !== "FunctionDefinition" || !hasDocstring(reference.node, text)) return;
      const node = reference.node;
      for (; seen < node.from; seen++) if (text[seen] === "\n") line++;
      if (hasSyntaxError(node)) return;
      const name = node.getChild("VariableName")!;
      found.push({ name: text.slice(name.from, name.to), line, text: cut(node, text) });
    },
  });
  return found;
}

function hasDocstring(definition: SyntaxNode, text: string): boolean {
  let first = definition.getChild("Body")?.firstChild?.nextSibling ?? null; // the child after ":"
  while (first?.name === "Comment") first = first.nextSibling;
  if (first?.name !== "ExpressionStatement") return false;
  let value = first.firstChild;
  while (value?.name === "ParenthesizedExpression") value = value.firstChild!.nextSibling;
  if (value?.name === "String") return isText(value, text);
  if (value?.name !== "ContinuedString") return false;
  return children(value).every((part) => part.name === "String" && isText(part, text));
}

/** Bytes literals have the same node type as text, and differ by their prefix. */
function isText(literal: SyntaxNode, text: string): boolean {
  return !/^[rR]?[bB]/.test(text.slice(literal.from, literal.from + 2));
}

function hasSyntaxError(node: SyntaxNode): boolean {
  let found = false;
  node.cursor().iterate((inner) => {
    // Cursors run to the end of the tree: only nodes inside this one count.
    if (inner.type.isError && inner.from >= node.from && inner.to <= node.to) found = true;
    return inner.from <= node.to && !found;
  });
  return found;
}

function cut(definition: SyntaxNode, text: string): string {
  const parent = definition.parent;
  const whole = parent?.name === "DecoratedStatement" ? parent : definition;
  const line_start = text.lastIndexOf("\n", whole.from - 1) + 1;
  const column = whole.from - line_start;
  return dedent(text.slice(whole.from, whole.to), column).trimEnd() + "\n";
}

/** Removes up to `columns` leading blanks from every line but the first, which has none. */
function dedent(text: string, columns: number): string {
  if (columns === 0) return text;
  return text.replace(new RegExp(`\\n[ \\t]{1,${columns}}`, "g"), "\n");
}

function children(node: SyntaxNode): SyntaxNode[] {
  const all: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) all.push(child);
  return all;
}
