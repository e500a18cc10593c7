/**
 * The conformance suite: tests that every stage must pass, built-in or plugin.
 *
 * ```ts ignore
 * import { conformance } from "../../tests/conformance/mod.ts";
 * import { my_stage } from "./mod.ts";
 *
 * conformance(my_stage, [{ name: "two rows", config: {}, inputs: { rows: { n: Int32Array.of(1, 2) } } }]);
 * ```
 *
 * @module
 */
import assert from "node:assert/strict";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { AnyStage, InputPorts, OutputPorts, Stage } from "@causeway/core/stage";
import { type AnyCase, Bench, type ConformanceCase } from "./bench.ts";
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
  type Reference,
  referenceRun,
} from "./checks.ts";

export type { ConformanceCase } from "./bench.ts";

/**
 * Registers tests with `Deno.test`: the declaration is valid; invalid configs are refused, and valid ones are plain
 * data; every declared output is written, with the same bytes each time; config and inputs are not changed; progress
 * does not decrease; a run that is asked to stop stops and leaves nothing incomplete, and the next one gives the same
 * bytes, continuing from a checkpoint if the stage saves them.
 *
 * The stage runs in this thread on a store in a temporary folder, about five times for each case: keep cases small.
 *
 * @param cases at least one
 */
export function conformance<
  S extends StandardSchemaV1,
  I extends InputPorts,
  O extends OutputPorts,
>(stage: Stage<S, I, O>, cases: readonly ConformanceCase<S, I>[]): void {
  assert.ok(cases.length > 0, `conformance of ${stage.name} needs at least one case`);
  Deno.test(`${stage.name}: its declaration is valid`, () => assertDeclaration(stage));
  for (const one of cases) register(stage as AnyStage, one as AnyCase);
}

function register(stage: AnyStage, given: AnyCase): void {
  const test = (what: string, check: () => void | Promise<void>) =>
    Deno.test(`${stage.name}, ${given.name}: ${what}`, check);
  // Run when the first test needs it, so that a stage that throws is a failed test.
  let first: Promise<Reference> | undefined;
  const reference = () => first ??= Bench.use(stage, given, referenceRun);
  const withBench = (use: (bench: Bench, expected: Reference) => Promise<void>) => async () => {
    const expected = await reference();
    await Bench.use(stage, given, (bench) => use(bench, expected));
  };

  test("its config is plain data, and valid again with its defaults filled in", () =>
    assertConfig(stage, given));
  test("invalid configs are refused, naming the field", () => assertRefusals(stage, given));
  test("every declared output is written", async () => assertWritten(stage, await reference()));
  test("a second run gives the same bytes, and a third is skipped", withBench(assertSame));
  test("config and inputs are not changed", () => assertInputsKept(stage, given));
  test("progress does not decrease", async () => assertProgress((await reference()).reports));
  test("asked to stop before the start, it stops", withBench(assertStopsAtOnce));
  test("asked to stop midway, it leaves nothing incomplete", withBench(assertStopsMidway));
  if (given.resumes) {
    test("interrupted and continued, it gives the same bytes", withBench(assertResumes));
  }
}
