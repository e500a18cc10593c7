import assert from "node:assert/strict";
import { z } from "zod";
import { counted, issueText } from "./mod.ts";

Deno.test("a noun after 1 is in the singular", () => {
  const nouns = ["row", "text", "pass", "entry", "key", "box", "match", "process"];
  assert.deepEqual(
    nouns.flatMap((noun) => [counted(1, noun), counted(2, noun)]),
    [
      ["1 row", "2 rows", "1 text", "2 texts", "1 pass", "2 passes", "1 entry", "2 entries"],
      ["1 key", "2 keys", "1 box", "2 boxes", "1 match", "2 matches", "1 process", "2 processes"],
    ].flat(),
  );
  assert.equal(counted(1234567, "vertex", "vertices"), "1,234,567 vertices");
});

const positive_int = z.number().int().positive();
const schedule = z.union([
  z.literal("keep"),
  z.strictObject({ rewarm: z.strictObject({ peak_lr: z.number().positive() }) }),
]);
const shapes = z.discriminatedUnion("shape", [
  z.object({ shape: z.literal("cosine"), lr: z.number() }),
  z.object({ shape: z.literal("linear"), lr: z.number() }),
]);

/** Schema, value, message. */
const CASES: [z.ZodType, unknown, string][] = [
  [z.number().min(0), -3, "steps must be a number >= 0, got -3"],
  [z.number(), null, "steps must be a number, got null"],
  [z.number().gt(0).lt(1), NaN, "steps must be a number > 0 and < 1, got NaN"],
  [positive_int, 0, "steps must be an integer > 0, got 0"],
  [positive_int, 1.5, "steps must be an integer > 0, got 1.5"],
  [z.int(), 2 ** 60, "steps must be an integer <= 9007199254740991, got 1152921504606847000"],
  [z.number(), undefined, "steps is missing; it must be a number"],
  [z.number().multipleOf(3), 4, "steps must be a multiple of 3, got 4"],
  [z.boolean(), "yes", 'steps must be true or false, got "yes"'],
  [z.string(), ["a"], "steps must be a string, got a list"],
  [z.string().min(1), "", "steps must not be empty"],
  [z.string().max(2), "abc", 'steps must have at most 2 characters, got "abc"'],
  [z.enum(["a", "b", "c"]), "d", 'steps must be "a", "b" or "c", got "d"'],
  [z.literal("x"), 1, 'steps must be "x", got 1'],
  [z.array(z.string()).min(2), ["a"], "steps must have at least 2 entries, got 1"],
  [z.array(positive_int), [1, -1], "steps.1 must be an integer > 0, got -1"],
  [z.record(z.string(), z.number()), 5, "steps must be an object, got 5"],
  [
    z.record(z.string().regex(/^[a-z]+$/), z.number()),
    { A: 1 },
    [
      "steps.A is not a valid name: it must be a text that matches /^[a-z]+$/,",
      'got "A"',
    ].join(" "),
  ],
  [z.url(), "x", 'steps must be a valid url, got "x"'],
  [
    z.union([positive_int, z.literal("all")]),
    [],
    'steps must be an integer > 0 or "all", got a list',
  ],
  [schedule, "x", 'steps must be "keep" or an object, got "x"'],
  [schedule, { rewarm: {} }, "steps: rewarm.peak_lr is missing; it must be a number > 0"],
  [shapes, { shape: "wave" }, 'steps.shape must be "cosine" or "linear", got "wave"'],
  [shapes, {}, 'steps.shape is missing; it must be "cosine" or "linear"'],
  [
    z.strictObject({ a: z.number().optional(), b: z.number().optional() }),
    { c: 1, d: 2 },
    'steps has no field "c" or "d"; its fields are a, b',
  ],
  [z.custom((value) => value === 1), 2, "steps cannot be 2"],
  [
    z.string().refine(() => false, "the file does not exist"),
    "a",
    "steps: the file does not exist",
  ],
  [z.string().refine(() => false, "must be a file"), "a", "steps must be a file"],
];

Deno.test("what is wrong with a value is said in the words of the project", () => {
  for (const [schema, value, message] of CASES) {
    assert.equal(issueText(schema.safeParse(value).error!.issues[0], "steps"), message);
  }
  const named = { path: ["tokens"], message: "tokens must be a multiple of 8" };
  assert.equal(issueText(named, "config"), "config.tokens must be a multiple of 8");
  assert.equal(
    issueText(z.number().safeParse("a").error!.issues[0]),
    'it must be a number, got "a"',
  );
});
