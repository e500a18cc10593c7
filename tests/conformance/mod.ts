/**
 * The conformance suite: tests that every stage must pass, built in or a plugin's.
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
import type { AnyStage, InputPorts, OutputPorts, Stage } from "../../core/stage/mod.ts";
import { type AnyCase, Bench, type ConformanceCase } from "./bench.ts";
import { assertConfig, assertRefusals } from "./config_checks.ts";
import { assertDeclaration, assertProgress } from "./declaration_checks.ts";
import { assertInputsKept } from "./input_checks.ts";
import {
  assertResumes,
  assertSame,
  assertStopsAtOnce,
  assertStopsMidway,
  assertWritten,
  type Reference,
  referenceRun,
} from "./run_checks.ts";

export type { ConformanceCase } from "./bench.ts";

/**
 * Registers tests by `Deno.test`: what the stage declares is well formed; wrong configs are refused, and right ones
 * are plain data; every declared output is written, with the same bytes each time; config and inputs are left as they
 * were; progress does not go back; a run that is asked to stop stops, leaves nothing half-made, and the next one gives
 * the same bytes, going on from a checkpoint where the stage saves them.
 *
 * The stage runs in this thread on a store in a temporary folder, about five times for each case: keep them small.
 *
 * @param cases at least one.
 */
export function conformance<
  S extends StandardSchemaV1,
  I extends InputPorts,
  O extends OutputPorts,
>(stage: Stage<S, I, O>, cases: readonly ConformanceCase<S, I>[]): void {
  assert.ok(cases.length > 0, `conformance of ${stage.name} needs at least one case`);
  Deno.test(`${stage.name}: what it declares is well formed`, () => assertDeclaration(stage));
  for (const one of cases) register(stage as AnyStage, one as AnyCase);
}

function register(stage: AnyStage, given: AnyCase): void {
  const test = (what: string, check: () => void | Promise<void>) =>
    Deno.test(`${stage.name}, ${given.name}: ${what}`, check);
  // Taken when the first test needs it, so that a stage that fails is a failed test.
  let first: Promise<Reference> | undefined;
  const reference = () => first ??= Bench.use(stage, given, referenceRun);
  const withBench = (use: (bench: Bench, expected: Reference) => Promise<void>) => async () => {
    const expected = await reference();
    await Bench.use(stage, given, (bench) => use(bench, expected));
  };

  test("its config is plain data, and taken again as it was filled in", () =>
    assertConfig(stage, given));
  test("wrong configs are refused, by name of the field", () => assertRefusals(stage, given));
  test("every declared output is written", async () => assertWritten(stage, await reference()));
  test("a second run gives the same bytes, and a third has nothing to do", withBench(assertSame));
  test("config and inputs are left as they were", () => assertInputsKept(stage, given));
  test("progress does not go back", async () => assertProgress((await reference()).reports));
  test("asked to stop before it begins, it stops", withBench(assertStopsAtOnce));
  test("asked to stop midway, it leaves nothing half-made", withBench(assertStopsMidway));
  if (given.resumes) test("interrupted, it goes on to the same bytes", withBench(assertResumes));
}
