import assert from "node:assert/strict";
import { contestsOf, parseOptions } from "./options.ts";
import { UsageError } from "../shared/command.ts";

Deno.test("by default all models that fit most machines run in all modes", () => {
  const options = parseOptions([], "train")!;
  const names = options.sizes.map(({ name }) => name);
  assert.deepEqual(names, ["mini", "small", "pythia-14m", "pythia-70m", "pythia-160m"]);
  assert.deepEqual(options.modes, ["eager", "compile", "bf16", "compile_bf16"]);
  assert.deepEqual([options.rounds, options.threads, options.steps_per_round], [7, 2, undefined]);
  assert.equal(options.out, "out/bench/train.json");
  assert.equal(options.workers, "auto");
  assert.equal(parseOptions(["--workers", "0"], "train")!.workers, 0);
});

Deno.test("flags choose models and modes, in the order of the tables", () => {
  const args = ["--sizes", "pythia-410m,mini", "--modes", "eager", "--steps-per-round", "3"];
  const options = parseOptions([...args, "--python=python3"], "train")!;
  assert.deepEqual(options.sizes.map(({ name }) => name), ["mini", "pythia-410m"]);
  assert.deepEqual([options.modes, options.steps_per_round], [["eager"], 3]);
  assert.equal(options.python, "python3");
});

Deno.test("float32 runs against float32 and bfloat16 against bf16 by default", () => {
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

Deno.test("JAX plays on request, in the compiled modes only", () => {
  const modes = (...args: string[]) =>
    contestsOf(parseOptions(args, "train")!)
      .flatMap(({ mode, implementation }) => implementation === "jax" ? mode : []);
  assert.deepEqual(modes(), []);
  assert.deepEqual(modes("--implementations", "sdpa,jax"), ["compile", "compile_bf16"]);
});

Deno.test("--busy is a number of programs, none by default", () => {
  assert.equal(parseOptions([], "train")!.busy, 0);
  assert.equal(parseOptions(["--busy", "0"], "train")!.busy, 0);
  assert.equal(parseOptions(["--busy", "2"], "train")!.busy, 2);
  assert.throws(() => parseOptions(["--busy", "yes"], "train"), /--busy must be a whole number/);
});

Deno.test("--help gives no options", () => {
  assert.equal(parseOptions(["--help"], "train"), undefined);
});

Deno.test("errors name the invalid flag", () => {
  const refuses = (args: string[], message: RegExp) =>
    assert.throws(() => parseOptions(args, "train"), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  refuses(["--sizes", "huge"], /--sizes must be some of mini, small.*, got "huge"/);
  refuses(["--modes", "eager,fp8"], /--modes must be some of eager.*, got "fp8"/);
  refuses(["--rounds", "0"], /--rounds must be a whole number >= 1, got "0"/);
  refuses(["--speed", "1"], /unknown argument --speed/);
  refuses(["extra"], /unknown argument extra/);
  refuses(["--out="], /--out needs a value/);
});
