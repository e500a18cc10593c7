/**
 * Documented functions cut out of Python source.
 *
 * @module
 */
import { parser } from "@lezer/python";

/** Node of the concrete syntax tree that `@lezer/python` gives. */
type SyntaxNode = ReturnType<typeof parser.parse>["topNode"];

export interface PythonFunction {
  readonly name: string;
  /** Line of `def`, counted from 1. */
  readonly line: number;
  /** Source from its decorators to its last line, dedented to column 0, ending with a newline. */
  readonly text: string;
}

/**
 * Cuts every function and method that has a docstring, also those nested in classes and functions, in
 * source order. A function with a syntax error in it is left out.
 *
 * A docstring is what Python's `ast.get_docstring` takes for one: a string literal, possibly concatenated,
 * standing alone as the first statement of the body; neither bytes nor an f-string.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { documentedFunctions } from "./python_functions.ts";
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

/** Bytes literals share the node type of text; their prefix tells them apart. */
function isText(literal: SyntaxNode, text: string): boolean {
  return !/^[rR]?[bB]/.test(text.slice(literal.from, literal.from + 2));
}

function hasSyntaxError(node: SyntaxNode): boolean {
  let found = false;
  node.cursor().iterate((inner) => {
    // Cursors run to the end of the tree: only what lies inside the node counts.
    if (inner.type.isError && inner.from >= node.from && inner.to <= node.to) found = true;
    return inner.from <= node.to && !found;
  });
  return found;
}

function cut(definition: SyntaxNode, text: string): string {
  const parent = definition.parent;
  const whole = parent?.name === "DecoratedStatement" ? parent : definition;
  const lineStart = text.lastIndexOf("\n", whole.from - 1) + 1;
  const column = whole.from - lineStart;
  return dedent(text.slice(whole.from, whole.to), column).trimEnd() + "\n";
}

/** Takes up to `columns` leading blanks off every line but the first, which has none any more. */
function dedent(text: string, columns: number): string {
  if (columns === 0) return text;
  return text.replace(new RegExp(`\\n[ \\t]{1,${columns}}`, "g"), "\n");
}

function children(node: SyntaxNode): SyntaxNode[] {
  const all: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) all.push(child);
  return all;
}
