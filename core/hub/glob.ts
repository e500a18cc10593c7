/**
 * Globs over the paths of a repository.
 *
 * @module
 */

/**
 * Compiles a glob: `*` any characters but `/`, `?` one of them, `**` any characters, with a `/` after it also
 * nothing (`**` + `/x` matches `x`), `{a,b}` one of several. Everything else stands for itself, names that begin
 * with a dot are nothing special, and a pattern that ends with `/` means all files below a folder.
 *
 * @returns whether a path matches.
 * @throws {Error} when a brace has no partner.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { compileGlob } from "./glob.ts";
 * const matches = compileGlob("data/{train,test}-*.parquet");
 * assert.ok(matches("data/test-00000-of-00001.parquet"));
 * assert.ok(!matches("data/old/test-0.parquet"));
 * ```
 */
export function compileGlob(pattern: string): (path: string) => boolean {
  let depth = 0;
  const source = Array.from(pattern.matchAll(/(?:\*\*\/)+|\*+|[^*]/gsu), ([token]) => {
    // One for several in a row: each would try every way to share the folders out among them.
    if (token.startsWith("**/")) return "(?:.*/)?";
    switch (token) {
      case "*":
        return "[^/]*";
      case "?":
        return "[^/]";
      case "{":
        depth++;
        return "(?:";
      case "}":
        if (--depth < 0) throw new Error(`"${pattern}": a "}" closes no "{"`);
        return ")";
      case ",":
        return depth > 0 ? "|" : ",";
    }
    return token.startsWith("*") ? ".*" : RegExp.escape(token);
  });
  if (depth > 0) throw new Error(`"${pattern}": a "{" is not closed`);
  if (pattern.endsWith("/")) source.push(".*");
  const whole = new RegExp(`^(?:${source.join("")})$`, "su");
  return (path) => whole.test(path);
}
