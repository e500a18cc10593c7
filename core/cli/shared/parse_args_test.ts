import assert from "node:assert/strict";
import { parseArgs } from "./parse_args.ts";

type Options = Parameters<typeof parseArgs>[1];
const same = (line: string, options: unknown, expected: object) =>
  assert.deepEqual(
    parseArgs(line.split(" ").filter((arg) => arg !== ""), options as Options),
    expected,
    line,
  );

Deno.test("flags take values after a space or an equals sign", () => {
  same("--a b --c=d --e", {}, { _: [], a: "b", c: "d", e: true });
  same("--a=b=c", {}, { _: [], a: "b=c" });
  same("-a b -c -d=e", {}, { _: [], a: "b", c: true, d: "e" });
  same("--a --b", {}, { _: [], a: true, b: true });
});

Deno.test("letters can be joined, with a number or a value at the end", () => {
  same("-abc", {}, { _: [], a: true, b: true, c: true });
  same("-abc x", {}, { _: [], a: true, b: true, c: "x" });
  same("-n5", {}, { _: [], n: 5 });
  same("-h/tmp/x", {}, { _: [], h: "/tmp/x" });
  same("-", {}, { _: ["-"] });
});

Deno.test("numbers become numbers unless declared strings", () => {
  same("--x 1e3 --y=0x10 --z 1a 7", {}, { _: [7], x: 1000, y: 16, z: "1a" });
  same("--x 1e3 7", { string: ["x", "_"] }, { _: ["7"], x: "1e3" });
  same("--x -5", {}, { 5: true, _: [], x: true });
  same("--x=-5", {}, { _: [], x: -5 });
  same("--x", { string: "x" }, { _: [], x: "" });
});

Deno.test("booleans default to false and take only true or false", () => {
  same("a", { boolean: ["v"] }, { _: ["a"], v: false });
  same("-v a", { boolean: "v" }, { _: ["a"], v: true });
  same("--v false a", { boolean: "v" }, { _: ["a"], v: false });
  same("--v=false --w=true", { boolean: ["v", "w"] }, { _: [], v: false, w: true });
  same("--v a --w=1", { boolean: true }, { _: ["a"], v: true, w: 1 });
});

Deno.test("aliases share values, kinds and defaults", () => {
  same("-o x", { alias: { out: "o" }, string: "out" }, { _: [], o: "x", out: "x" });
  same("-h a", { alias: { help: "h" }, boolean: "help" }, { _: ["a"], h: true, help: true });
  same("", { alias: { n: ["num", "count"] }, default: { n: 3 } }, {
    _: [],
    n: 3,
    num: 3,
    count: 3,
  });
});

Deno.test("defaults give way to what is given", () => {
  same("", { default: { out: "out", v: true }, boolean: "v" }, { _: [], out: "out", v: true });
  same("--out=x", { default: { out: "out" } }, { _: [], out: "x" });
});

Deno.test("the last value counts, unless the flag is collected", () => {
  same("--a 1 --a 2", {}, { _: [], a: 2 });
  same("--a 1 --a 2", { collect: "a" }, { _: [], a: [1, 2] });
  same("", { collect: ["a", "b"], string: "a", boolean: "b" }, { _: [], a: [], b: [] });
});

Deno.test("only negatable flags are negated", () => {
  same("--no-color", { negatable: "color" }, { _: [], color: false });
  same("--no-color", { negatable: "color", default: { color: true } }, { _: [], color: false });
  same("--no-color x", {}, { _: [], "no-color": "x" });
  same("--color", { negatable: "color", boolean: "color" }, { _: [], color: true });
});

Deno.test("what follows -- is left as it is", () => {
  same("--a b -- --c 1", {}, { _: ["--c", "1"], a: "b" });
  same("--a b -- --c", { "--": true }, { _: [], a: "b", "--": ["--c"] });
});

Deno.test("stopEarly leaves everything after the first other argument", () => {
  same("--a b run --c 1", { stopEarly: true }, { _: ["run", "--c", "1"], a: "b" });
});

Deno.test("unknown arguments are passed to a function, and dropped on request", () => {
  const seen: unknown[] = [];
  const unknown = (...told: unknown[]) => (seen.push(told), false);
  same("--known 1 --odd=2 -x file", { string: "known", unknown }, { _: [], known: "1" });
  assert.deepEqual(seen, [["--odd=2", "odd", "2"], ["-x", "x", "file"]]);
  seen.length = 0;
  same("file", { unknown }, { _: [] });
  assert.deepEqual(seen, [["file"]]);
});

Deno.test("an empty value after = is a value", () => {
  same("--out= x", { string: "out" }, { _: ["x"], out: "" });
  same("--out=", {}, { _: [], out: "" });
  same("--v=", { boolean: "v" }, { _: [], v: true });
});

Deno.test("an empty value belongs to the last of joined letters", () => {
  same("-a=", {}, { _: [], a: "" });
  same("-abc=", {}, { _: [], a: true, b: true, c: "" });
  same("-abc= x", { string: "a" }, { _: ["x"], a: "", b: true, c: "" });
});

Deno.test("unknown gets values as they were given, before numbers are read", () => {
  const seen: unknown[] = [];
  parseArgs(["--a=2", "--b", "0x1F", "-c3", "--d"], {
    unknown: (_arg, key, value) => seen.push([key, value]),
  });
  assert.deepEqual(seen, [["a", "2"], ["b", "0x1F"], ["c", "3"], ["d", true]]);
});

Deno.test("collected flags are declared: unknown does not see them", () => {
  const seen: unknown[] = [];
  const unknown = (arg: string) => seen.push(arg);
  same("--a 1 --b=2 -c 3", { collect: ["a"], alias: { a: "c" }, unknown }, {
    ...{ _: [], a: [1, 3], b: 2, c: [1, 3] },
  });
  assert.deepEqual(seen, ["--b=2"]);
});

Deno.test("an undefined alias is an error", () => {
  assert.throws(() => same("", { alias: { help: undefined } }, {}), TypeError);
});

Deno.test("a value given to --no-flag is the value of the flag", () => {
  same("--no-color=blue", { negatable: "color" }, { _: [], color: "blue" });
});

Deno.test("dots make objects, and cannot reach the prototype", () => {
  same("--a.b 1 --a.c=x", {}, { _: [], a: { b: 1, c: "x" } });
  parseArgs(["--__proto__.polluted=1", "--constructor.prototype.polluted=1"]);
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

Deno.test("the result is typed", () => {
  const args = parseArgs(["--out", "x"], {
    string: ["out", "only"],
    boolean: ["quiet"],
    default: { out: "out" },
  });
  const out: string = args.out;
  const only: string | undefined = args.only;
  const quiet: boolean = args.quiet;
  assert.deepEqual([out, only, quiet], ["x", undefined, false]);
});
