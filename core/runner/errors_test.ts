import assert from "node:assert/strict";
import { ownFrame } from "./errors.ts";

const core = new URL("./run.ts", import.meta.url).href;

Deno.test("the place of an error is the first frame of the stage's own code", () => {
  const stack = [
    "TypeError: rows is undefined",
    "    at Object.parse (file:///home/me/node_modules/.deno/zod@4/index.js:1:2)",
    `    at write (${core}:3:4)`,
    "    at ext:core/00.js:1:1",
    "    at count (file:///home/me/my%20lab/my_stage.ts:12:5)",
    "    at async Object.run (file:///home/me/my%20lab/my_stage.ts:30:9)",
  ].join("\n");
  const error = Object.assign(new TypeError("rows is undefined"), { stack });
  assert.equal(ownFrame(error), "/home/me/my lab/my_stage.ts:12:5");
  assert.equal(
    ownFrame({ name: "Error", message: "", stack: `Error\n    at ${core}:3:4` }),
    undefined,
  );
  assert.equal(ownFrame("no error"), undefined);
});
