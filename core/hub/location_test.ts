import assert from "node:assert/strict";
import { join, normalize } from "node:path";
import { Random } from "../random/mod.ts";
import { compileGlob } from "./location.ts";
import { formatHubUrl, parseHubUrl, pathFault } from "./location.ts";

Deno.test("URLs name a dataset, a revision and a pattern", () => {
  const cases: [url: string, repo: string, revision: string, pattern?: string][] = [
    ["hf://allenai/c4", "allenai/c4", "main"],
    ["hf://allenai/c4/", "allenai/c4", "main"],
    ["hf://datasets/allenai/c4@v1.0/en/a.json.gz", "allenai/c4", "v1.0", "en/a.json.gz"],
    ["hf://gsm8k", "gsm8k", "main"],
    ["hf://datasets/gsm8k", "gsm8k", "main"],
    ["hf://gsm8k@main/main/train.parquet", "gsm8k", "main", "main/train.parquet"],
    ["hf://o/n@refs/convert/parquet/d/0.parquet", "o/n", "refs/convert/parquet", "d/0.parquet"],
    ["hf://o/n@refs/pr/12", "o/n", "refs/pr/12"],
    ["hf://o/n@refs%2Fpr%2F12/x", "o/n", "refs/pr/12", "x"],
    ["hf://o/n@feature%2Fx/{a,b}?.jsonl", "o/n", "feature/x", "{a,b}?.jsonl"],
    ["hf://o/n/mail@home.txt", "o/n", "main", "mail@home.txt"],
    ["hf://o/n/en/", "o/n", "main", "en/"],
  ];
  for (const [url, repo, revision, pattern] of cases) {
    const expected = pattern === undefined ? { repo, revision } : { repo, revision, pattern };
    assert.deepEqual(parseHubUrl(url), expected, url);
  }
});

Deno.test("an invalid URL is refused with the reason", () => {
  const cases: [url: string, reason: RegExp][] = [
    ["https://huggingface.co/datasets/o/n", /does not start with hf:\/\//],
    ["hf://", /"" cannot be the name/],
    ["hf://datasets/", /"" cannot be the name/],
    ["hf://datasets", /"datasets" cannot be the name/],
    ["hf://datasets/models/n", /"models\/n" cannot be the name/],
    ["hf://models/o/n", /one of the hub's models, but only datasets/],
    ["hf://o/n@/x", /no revision after the "@"/],
    ["hf://../n", /"\.\.\/n" cannot be the name/],
    ["hf://o/a--b", /cannot be the name/],
    ["hf://o/n.git", /cannot be the name/],
    ["hf://o/n?x", /cannot be the name/],
    ["hf://o//x", /follows a name without an owner/],
    ["hf://o/n@a%2F..%2F..%2Fb", /cannot be a revision/],
    ["hf://o/n@%zz", /cannot be a revision/],
    ["hf://o/n@a%00", /cannot be a revision/],
    ["hf://o/n/a/../../b", /path contains "\." or "\.\."/],
    ["hf://o/n//etc/passwd", /path is not relative/],
    ["hf://o/n/a\\b", /path contains a backslash/],
  ];
  for (const [url, reason] of cases) assert.throws(() => parseHubUrl(url), reason, url);
});

/** A text of random pieces that mean something to the parser. */
function randomText(random: Random, pieces: readonly string[], length: number): string {
  return Array.from({ length }, () => pieces[random.below(pieces.length)]).join("");
}

Deno.test("parsed locations are safe as paths, and the same after formatting and parsing", () => {
  const pieces = ["a", "b.c", "/", "/", "@", "..", ".", "%2F", "%", "\\", "*", "{", "datasets/"]
    .concat("refs/pr/", "1", "refs/convert/", "\0", "é", "\ud800", ":", "--", " ", "?", "~");
  let parsed = 0;
  for (let step = 0; step < 20_000; step++) {
    const random = new Random(1, "urls", step);
    const url = "hf://" + randomText(random, pieces, 1 + random.below(8));
    let location;
    try {
      location = parseHubUrl(url);
    } catch (error) {
      assert.ok(error instanceof Error && error.constructor === Error, `${url}: ${error}`);
      continue;
    }
    parsed++;
    assert.deepEqual(parseHubUrl(formatHubUrl(location)), location, url);
    for (const part of [location.repo, location.revision, location.pattern ?? "x"]) {
      assert.ok(normalize(join("/cache", part)).startsWith("/cache/"), url);
    }
  }
  assert.ok(parsed > 1000, `${parsed} URLs were parsed`);
});

Deno.test("a safe path stays below a folder, whatever its parts", () => {
  const pieces = ["a", "..", ".", "/", "\\", "C:", "\0", "\n", "é", " ", "...", "-"];
  let safe = 0;
  for (let step = 0; step < 20_000; step++) {
    const random = new Random(2, "paths", step);
    const path = randomText(random, pieces, 1 + random.below(6));
    if (pathFault(path) !== undefined) continue;
    safe++;
    assert.equal(join("/cache", path), `/cache/${path}`);
  }
  assert.ok(safe > 1000, `${safe} paths were safe`);
});

Deno.test("globs match paths as described", () => {
  const cases: [glob: string, matching: string[], other: string[]][] = [
    ["a.txt", ["a.txt"], ["b/a.txt", "aatxt", "a.txt\n"]],
    ["*.txt", ["a.txt", ".txt"], ["b/a.txt"]],
    ["**/*.txt", ["a.txt", "b/a.txt", "b/c/a.txt"], ["a.txt/b"]],
    ["b/**", ["b/a", "b/c/a"], ["b", "cb/a"]],
    ["b/", ["b/a", "b/c/a"], ["b", "bc/a"]],
    ["?.txt", ["a.txt", "é.txt", "😀.txt"], ["ab.txt", ".txt", "/.txt"]],
    ["{a,b/c}*.{txt,json}", ["a1.txt", "b/c.json"], ["c.txt", "a.csv"]],
    ["{a,{b,c}d},e", ["a,e", "bd,e"], ["b,e", "a"]],
    ["a+(b)[c]|d", ["a+(b)[c]|d"], ["aab", "d"]],
  ];
  for (const [glob, matching, other] of cases) {
    const matches = compileGlob(glob);
    for (const path of matching) assert.ok(matches(path), `${glob} matches ${path}`);
    for (const path of other) assert.ok(!matches(path), `${glob} does not match ${path}`);
  }
  const start = performance.now();
  assert.ok(!compileGlob("**/".repeat(8) + "x")("a/".repeat(120) + "y"));
  assert.ok(performance.now() - start < 1000, "folders in a row are no more than one");
  assert.throws(() => compileGlob("a{b"), /"a\{b": a "\{" is not closed/);
  assert.throws(() => compileGlob("a}b"), /"a\}b": a "\}" has no "\{"/);
});
