import assert from "node:assert/strict";
import { contestsOf } from "./estimate.ts";
import { parseOptions, UsageError } from "./options.ts";

Deno.test("without flags all sizes that fit most machines run in all modes", () => {
  const options = parseOptions([], "train")!;
  const names = options.sizes.map(({ name }) => name);
  assert.deepEqual(names, ["mini", "small", "pythia-14m", "pythia-70m", "pythia-160m"]);
  assert.deepEqual(options.modes, ["eager", "compile", "bf16", "compile_bf16"]);
  assert.deepEqual([options.rounds, options.threads, options.steps_per_round], [7, 2, undefined]);
  assert.equal(options.out, "out/bench/train.json");
});

Deno.test("flags choose sizes and modes, in the tables' order", () => {
  const args = ["--sizes", "pythia-410m,mini", "--modes", "eager", "--steps-per-round", "3"];
  const options = parseOptions([...args, "--python=python3"], "train")!;
  assert.deepEqual(options.sizes.map(({ name }) => name), ["mini", "pythia-410m"]);
  assert.deepEqual([options.modes, options.steps_per_round], [["eager"], 3]);
  assert.equal(options.python, "python3");
});

Deno.test("like plays against like unless it is said otherwise", () => {
  const plays = (...args: string[]) =>
    contestsOf(parseOptions([...args, "--implementations", "sdpa"], "train")!)
      .map(({ variant, mode }) => `${variant} ${mode}`);
  assert.deepEqual(plays(), [
    "float32 eager",
    "float32 compile",
    "bfloat16 bf16",
    "bfloat16 compile_bf16",
  ]);
  assert.deepEqual(plays("--ours", "float32", "--modes", "compile_bf16"), ["float32 compile_bf16"]);
});

Deno.test("help asks for no run", () => {
  assert.equal(parseOptions(["--help"], "train"), undefined);
});

Deno.test("wrong flags are named", () => {
  const refuses = (args: string[], message: RegExp) =>
    assert.throws(() => parseOptions(args, "train"), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  refuses(["--sizes", "huge"], /--sizes huge: there is mini, small/);
  refuses(["--modes", "eager,fp8"], /--modes fp8: there is eager/);
  refuses(["--rounds", "0"], /--rounds 0 is not a whole number above 0/);
  refuses(["--speed", "1"], /unknown argument --speed/);
  refuses(["extra"], /unknown argument extra/);
  refuses(["--out", ""], /--out needs a value/);
});
