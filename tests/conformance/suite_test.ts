/**
 * The suite itself: a correct stage passes, and each violation of the contract fails its check.
 *
 * @module
 */
import assert from "node:assert/strict";
import { z } from "zod";
import { type AnyStage, defineStage, many, type StageContext, table } from "@causeway/core/stage";
import { type AnyCase, Bench } from "./bench.ts";
import { conformance } from "./mod.ts";
import {
  assertConfig,
  assertDeclaration,
  assertInputsKept,
  assertProgress,
  assertRefusals,
  assertResumes,
  assertSame,
  assertStopsAtOnce,
  assertStopsMidway,
  assertWritten,
  referenceRun,
} from "./checks.ts";

const numbers = table({ n: "int32" }, "numbers");
const inputs = { parts: many(numbers) };
const outputs = { sum: numbers };
const config = z.strictObject({ times: z.int().default(6) });

type Context = StageContext<z.output<typeof config>, typeof inputs, typeof outputs>;

/** Adds up its inputs repeatedly, with a checkpoint when asked to stop. */
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

/** Runs a check on a new store that must fail. */
async function fails(
  stage: AnyStage,
  check: (bench: Bench, expected: Awaited<ReturnType<typeof referenceRun>>) => Promise<void>,
  message: RegExp,
): Promise<void> {
  const one = given as AnyCase;
  const expected = await Bench.use(stage, one, referenceRun);
  await assert.rejects(Bench.use(stage, one, (bench) => check(bench, expected)), message);
}

Deno.test("a stage that gives different bytes each time fails", async () => {
  let calls = 0;
  const stage = running(({ outputs }) => outputs.sum.write({ n: Int32Array.of(calls++) }));
  await fails(stage, assertSame, /different results for the same seed and inputs/);
});

Deno.test("a stage that does not write an output fails", async () => {
  const stage = running(() => Promise.resolve());
  const run = Bench.use(stage, given as AnyCase, referenceRun);
  await assert.rejects(run, /output "sum" was never written/);
  const reference = await Bench.use(sum as AnyStage, given as AnyCase, referenceRun);
  const more = { ...sum, outputs: { ...outputs, more: numbers } } as AnyStage;
  assert.throws(() => assertWritten(more, reference), /more/);
});

Deno.test("a stage that ignores the signal fails", async () => {
  const stage = running((ctx) => addUp({ ...ctx, signal: new AbortController().signal }));
  await fails(stage, assertStopsAtOnce, /sum did not stop; check signal/);
  await fails(stage, assertResumes, /sum did not stop; check signal/);
});

Deno.test("a stage that writes after it was asked to stop fails", async () => {
  const stage = running(async (ctx) => {
    if (ctx.signal.aborted) await ctx.outputs.sum.write({ n: Int32Array.of(0) });
    await addUp(ctx);
  });
  await fails(stage, assertStopsAtOnce, /the stage wrote after it was asked to stop/);
});

Deno.test("a stage that replaces the stop by another error fails", async () => {
  const stage = running(async (ctx) => {
    await addUp(ctx).catch(() => {
      throw new Error("something went wrong");
    });
  });
  await fails(stage, assertStopsMidway, /something went wrong/);
});

Deno.test("a stage that continues from another state than it saved fails", async () => {
  const forgetful = ({ checkpoints }: Context): Context["checkpoints"] => ({
    async latest() {
      const saved = await checkpoints.latest();
      return saved && { step: saved.step, read: () => Promise.resolve(new Uint8Array(4)) };
    },
    save: (step, files) => checkpoints.save(step, files),
  });
  const stage = running((ctx) => addUp({ ...ctx, checkpoints: forgetful(ctx) }));
  await fails(stage, assertResumes, /different results for the same seed and inputs/);
});

Deno.test("a stage that saves no checkpoint fails if the case says resumes", async () => {
  const save = () => Promise.resolve();
  const stage = running((ctx) => {
    const latest = () => ctx.checkpoints.latest();
    return addUp({ ...ctx, checkpoints: { latest, save } });
  });
  await fails(stage, assertResumes, /the stage left no checkpoint/);
});

Deno.test("a stage that changes its inputs or its config fails", async () => {
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

Deno.test("a config that accepts anything, or is not plain data, fails", async () => {
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

Deno.test("progress that decreases, or exceeds its total, fails", () => {
  assertProgress([[0, undefined], [1, 4], [1, 4], [4, 4]]);
  assert.throws(() => assertProgress([[2, 4], [1, 4]]), /progress decreases: report\(1, …, 4\)/);
  assert.throws(() => assertProgress([[1, 4], [2, 3]]), /the total decreases/);
  assert.throws(() => assertProgress([[5, 4]]), /progress exceeds the total/);
  assert.throws(() => assertProgress([[NaN, 4]]), /progress decreases/);
});

Deno.test("an invalid declaration fails", () => {
  assert.throws(() => assertDeclaration({ ...sum, name: "Sum" }), /not snake_case/);
  assert.throws(() => assertDeclaration({ ...sum, version: "1 beta" }), /version has no spaces/);
  assert.throws(() => assertDeclaration({ ...sum, description: "" }), /is a sentence/);
  assert.throws(() => assertDeclaration({ ...sum, outputs: {} }), /has no outputs/);
  const odd = { odd: { ...numbers, columns: { n: "int64" } } };
  assert.throws(() => assertDeclaration({ ...sum, outputs: odd }));
});
