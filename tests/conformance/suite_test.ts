/**
 * The suite itself: a sound stage passes, and each way of breaking the contract fails the check that is for it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { z } from "zod";
import {
  type AnyStage,
  defineStage,
  many,
  type StageContext,
  table,
} from "../../core/stage/mod.ts";
import { type AnyCase, Bench } from "./bench.ts";
import { assertConfig, assertRefusals } from "./config_checks.ts";
import { assertDeclaration, assertProgress } from "./declaration_checks.ts";
import { assertInputsKept } from "./input_checks.ts";
import { conformance } from "./mod.ts";
import {
  assertResumes,
  assertSame,
  assertStopsAtOnce,
  assertStopsMidway,
  assertWritten,
  referenceRun,
} from "./run_checks.ts";

const numbers = table({ n: "int32" }, "numbers");
const inputs = { parts: many(numbers) };
const outputs = { sum: numbers };
const config = z.strictObject({ times: z.int().default(6) });

type Context = StageContext<z.output<typeof config>, typeof inputs, typeof outputs>;

/** Adds up its inputs, many times over, with a checkpoint when asked to stop. */
async function addUp({ config, inputs, outputs, signal, checkpoints, report }: Context) {
  const saved = await checkpoints.latest();
  let sum = saved ? new Int32Array((await saved.read("sum")).buffer)[0] : 0;
  for (let i = saved?.step ?? 0; i < config.times; i++) {
    if (signal.aborted) {
      await checkpoints.save(i, { sum: new Uint8Array(Int32Array.of(sum).buffer) });
      throw signal.reason;
    }
    for (const part of Object.values(inputs.parts)) {
      for (const n of await part.column("n")) sum += n;
    }
    report(i + 1, {}, config.times);
  }
  await outputs.sum.write({ n: Int32Array.of(sum) });
}

const declared = {
  name: "sum",
  version: "1",
  description: "Adds numbers up.",
  config,
  inputs,
  outputs,
};
const sum = defineStage({ ...declared, run: addUp });

const given = {
  name: "two parts",
  config: {},
  inputs: { parts: { a: { n: Int32Array.of(1, 2) }, b: { n: Int32Array.of(3) } } },
  resumes: true,
};

conformance(sum, [given]);

/** The stage with another `run`. */
const running = (run: (ctx: Context) => Promise<void>): AnyStage =>
  defineStage({ ...declared, run });

/** A check on a fresh store that must fail. */
async function fails(
  stage: AnyStage,
  check: (bench: Bench, expected: Awaited<ReturnType<typeof referenceRun>>) => Promise<void>,
  message: RegExp,
): Promise<void> {
  const one = given as AnyCase;
  const expected = await Bench.use(stage, one, referenceRun);
  await assert.rejects(Bench.use(stage, one, (bench) => check(bench, expected)), message);
}

Deno.test("a stage that gives other bytes each time is caught", async () => {
  let calls = 0;
  const stage = running(({ outputs }) => outputs.sum.write({ n: Int32Array.of(calls++) }));
  await fails(stage, assertSame, /another result for the same seed and inputs/);
});

Deno.test("a stage that does not write an output is caught", async () => {
  const stage = running(() => Promise.resolve());
  const run = Bench.use(stage, given as AnyCase, referenceRun);
  await assert.rejects(run, /output "sum" was never written/);
  const reference = await Bench.use(sum as AnyStage, given as AnyCase, referenceRun);
  const more = { ...sum, outputs: { ...outputs, more: numbers } } as AnyStage;
  assert.throws(() => assertWritten(more, reference), /more/);
});

Deno.test("a stage that does not look at the signal is caught", async () => {
  const stage = running((ctx) => addUp({ ...ctx, signal: new AbortController().signal }));
  await fails(stage, assertStopsAtOnce, /sum went on to its end; look at signal/);
  await fails(stage, assertResumes, /sum went on to its end; look at signal/);
});

Deno.test("a stage that writes although it was asked to stop is caught", async () => {
  const stage = running(async (ctx) => {
    if (ctx.signal.aborted) await ctx.outputs.sum.write({ n: Int32Array.of(0) });
    await addUp(ctx);
  });
  await fails(stage, assertStopsAtOnce, /it wrote although it had been asked to stop/);
});

Deno.test("a stage that hides the stop behind an error of its own is caught", async () => {
  const stage = running(async (ctx) => {
    await addUp(ctx).catch(() => {
      throw new Error("something went wrong");
    });
  });
  await fails(stage, assertStopsMidway, /something went wrong/);
});

Deno.test("a stage that goes on from another state than it saved is caught", async () => {
  const forgetful = ({ checkpoints }: Context): Context["checkpoints"] => ({
    async latest() {
      const saved = await checkpoints.latest();
      return saved && { step: saved.step, read: () => Promise.resolve(new Uint8Array(4)) };
    },
    save: (step, files) => checkpoints.save(step, files),
  });
  const stage = running((ctx) => addUp({ ...ctx, checkpoints: forgetful(ctx) }));
  await fails(stage, assertResumes, /another result for the same seed and inputs/);
});

Deno.test("a stage that saves no checkpoint is caught where the case says so", async () => {
  const save = () => Promise.resolve();
  const stage = running((ctx) => {
    const latest = () => ctx.checkpoints.latest();
    return addUp({ ...ctx, checkpoints: { latest, save } });
  });
  await fails(stage, assertResumes, /it left no checkpoint/);
});

Deno.test("a stage that changes its inputs or its config is caught", async () => {
  const of_inputs = running(async (ctx) => {
    for (const part of Object.values(ctx.inputs.parts)) (await part.column("n")).fill(0);
    await addUp(ctx);
  });
  await assert.rejects(assertInputsKept(of_inputs, given as AnyCase), /changed its inputs/);
  const of_config = running((ctx) => addUp(Object.assign(ctx, { config: setTimes(ctx.config) })));
  await assert.rejects(assertInputsKept(of_config, given as AnyCase), /changed its config/);
});

function setTimes(config: { times: number }): { times: number } {
  return Object.assign(config, { times: 3 });
}

Deno.test("a config that takes anything, or is no plain data, is caught", async () => {
  const with_config = (config: z.ZodType) => ({ ...sum, config }) as unknown as AnyStage;
  const loose = with_config(z.object({ times: z.int().default(6) }));
  await assert.rejects(assertRefusals(loose, given as AnyCase), /Missing expected rejection/);
  const untyped = with_config(z.strictObject({ times: z.any().default(6) }));
  await assert.rejects(assertRefusals(untyped, given as AnyCase), /Missing expected rejection/);
  const growing = with_config(
    z.strictObject({ times: z.int().default(6).transform((times) => times + 1) }),
  );
  await assert.rejects(assertConfig(growing, given as AnyCase), /deep-equal/);
  const dated = with_config(z.strictObject({}).transform(() => ({ now: new Date(0) })));
  await assert.rejects(assertConfig(dated, given as AnyCase), /config/);
});

Deno.test("progress that goes back, or past its total, is caught", () => {
  assertProgress([[0, undefined], [1, 4], [1, 4], [4, 4]]);
  assert.throws(() => assertProgress([[2, 4], [1, 4]]), /progress goes back: report\(1, …, 4\)/);
  assert.throws(() => assertProgress([[1, 4], [2, 3]]), /the total goes back/);
  assert.throws(() => assertProgress([[5, 4]]), /progress passes the total/);
  assert.throws(() => assertProgress([[NaN, 4]]), /progress goes back/);
});

Deno.test("a declaration that is not well formed is caught", () => {
  assert.throws(() => assertDeclaration({ ...sum, name: "Sum" }), /not snake_case/);
  assert.throws(() => assertDeclaration({ ...sum, version: "1 beta" }), /version has no spaces/);
  assert.throws(() => assertDeclaration({ ...sum, description: "" }), /is a sentence/);
  assert.throws(() => assertDeclaration({ ...sum, outputs: {} }), /makes nothing/);
  const odd = { odd: { ...numbers, columns: { n: "int64" } } };
  assert.throws(() => assertDeclaration({ ...sum, outputs: odd }));
});
