/**
 * The checks of the conformance suite: a stage's declaration, config, inputs and runs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { checkRecipe } from "@causeway/core/recipe";
import { type AnyStage, assertStage, type Columns, type InputPorts } from "@causeway/core/stage";
import { canonicalJson } from "@causeway/core/store";
import { emptyBatch, fakeContext } from "../shared/fake_context.ts";
import { type AnyCase, type Bench, type Observed, recipeOf } from "./bench.ts";

/** Name, version and ports follow the contract, and everything has a description. */
export function assertDeclaration(stage: unknown): void {
  assertStage(stage, "the stage");
  const { name, version, description, outputs } = stage as AnyStage;
  assert.match(version, /^\S+$/, "the version has no spaces");
  assert.match(description, /\S.*\.$/, "the description is a sentence");
  assert.ok(Object.keys(outputs).length > 0, `${name} has no outputs`);
  for (const [port, { kind, columns, description }] of portsOf(stage as AnyStage)) {
    assert.match(description, /\S/, `port "${port}" has no description`);
    if (kind !== "table") continue;
    assert.ok(Object.keys(columns!).length > 0, `port "${port}" has no columns`);
    emptyBatch(columns!); // throws for an unknown type
  }
}

type Described = { kind: string; columns?: Columns; description: string };

function portsOf({ inputs, outputs }: AnyStage): [string, Described][] {
  const inner = Object.entries(inputs as InputPorts).map(([name, port]) => {
    return [name, port.kind === "many" || port.kind === "optional" ? port.port : port] as const;
  });
  return [...inner, ...Object.entries(outputs)] as [string, Described][];
}

/** Progress and total do not decrease, and progress does not exceed the total. */
export function assertProgress(reports: Observed["reports"]): void {
  let [last, last_total] = [0, 0];
  for (const [step, total = last_total] of reports) {
    const told = `report(${step}, …, ${total}) after report(${last}, …, ${last_total})`;
    assert.ok(Number.isFinite(step) && step >= last, `progress decreases: ${told}`);
    assert.ok(total >= last_total, `the total decreases: ${told}`);
    assert.ok(total === 0 || step <= total, `progress exceeds the total: ${told}`);
    [last, last_total] = [step, total];
  }
}

/** Validates a config like a recipe does, with the inputs of a case. */
async function checkedConfig(stage: AnyStage, given: AnyCase, config: unknown): Promise<object> {
  const recipe = await checkRecipe(recipeOf(stage, { ...given, config }));
  return recipe.steps.at(-1)!.config as object;
}

/** The config is valid, is plain JSON data, and is valid again in its stored form. */
export async function assertConfig(stage: AnyStage, given: AnyCase): Promise<void> {
  const filled = await checkedConfig(stage, given, given.config);
  assert.deepEqual(JSON.parse(canonicalJson(filled)), filled);
  assert.deepEqual(await checkedConfig(stage, given, filled), filled);
}

/** A value that no config field accepts. */
const WRONG = [{ "no such value": [null] }];

/** Unknown fields are refused, and so is a value of another type for each field that has a value. */
export async function assertRefusals(stage: AnyStage, given: AnyCase): Promise<void> {
  const filled = await checkedConfig(stage, given, given.config);
  const refuses = async (config: unknown, field: string) => {
    const naming = new RegExp(`stage ${stage.name}\\b[^]*${field}`);
    await assert.rejects(async () => await checkedConfig(stage, given, config), naming);
  };
  await refuses(WRONG, "config");
  await refuses({ ...filled, no_such_field: 1 }, "no_such_field");
  for (const field of Object.keys(filled)) {
    await refuses({ ...filled, [field]: WRONG }, field);
  }
}

/**
 * A stage must not change its config or inputs, because other tasks read the same artifacts. In memory it gets the
 * test's own arrays, so that a change is visible.
 */
export async function assertInputsKept(stage: AnyStage, given: AnyCase): Promise<void> {
  const { config, inputs, seed } = given as never as { config: never; inputs: never; seed: number };
  const inputs_before = structuredClone(inputs);
  const fake = await fakeContext(stage, { config, inputs, seed });
  const config_before = structuredClone(fake.ctx.config);
  await stage.run(fake.ctx);
  assert.deepEqual(inputs, inputs_before, "the stage changed its inputs");
  assert.deepEqual(fake.ctx.config, config_before, "the stage changed its config");
}

/** Record and objects of an undisturbed run. */
export type Reference = Observed & {
  manifest: NonNullable<Observed["manifest"]>;
  objects: string[];
};

/** An undisturbed run. @throws whatever the stage throws. */
export async function referenceRun(bench: Bench): Promise<Reference> {
  const observed = await bench.run();
  const { error, manifest } = observed;
  if (error !== undefined || manifest === undefined) {
    throw error ?? new Error("the run has no result");
  }
  assert.deepEqual(await bench.problems({ complete: true }), []);
  return { ...observed, manifest, objects: bench.objects() };
}

/** The outputs are exactly those that the stage declares. */
export function assertWritten(stage: AnyStage, { manifest }: Reference): void {
  const kinds = (ports: object) =>
    Object.fromEntries(Object.entries(ports).map(([name, { kind }]) => [name, kind]));
  assert.deepEqual(kinds(manifest.outputs), kinds(stage.outputs));
}

/** Runs to the end and compares with the undisturbed run. */
async function assertFinishes(bench: Bench, { manifest, objects }: Reference): Promise<Observed> {
  const observed = await bench.run();
  if (observed.error) throw observed.error;
  assert.deepEqual(observed.manifest, manifest, "different results for the same seed and inputs");
  const lacking = objects.filter((digest) => !bench.objects().includes(digest));
  assert.deepEqual(lacking, [], "objects of the undisturbed run are missing");
  assert.deepEqual(await bench.problems({ complete: true }), []);
  return observed;
}

/** The same bytes in a new folder, and the next run is skipped. */
export async function assertSame(bench: Bench, expected: Reference): Promise<void> {
  await assertFinishes(bench, expected);
  assert.deepEqual(bench.objects(), expected.objects);
  assert.ok((await assertFinishes(bench, expected)).skipped, "the key changes from run to run");
}

async function assertInterrupted(bench: Bench, { error, manifest }: Observed): Promise<void> {
  const name = bench.stage.name;
  assert.ok(error, `${name} did not stop; check signal.aborted between pieces of work`);
  if (error.name !== "Interrupted") throw error;
  assert.equal(manifest, undefined, `${name} was interrupted, but has a result`);
  assert.deepEqual(await bench.problems(), []);
}

/** Asked to stop before the start. A stage that reports no progress is quick and may finish. */
export async function assertStopsAtOnce(bench: Bench, expected: Reference): Promise<void> {
  const stopped = await bench.run(() => true);
  if (expected.reports.length > 0) {
    await assertInterrupted(bench, stopped);
    assert.ok(!stopped.moments.includes("write"), "the stage wrote after it was asked to stop");
  }
  await assertFinishes(bench, expected);
}

/** Asked to stop midway. A stage with little left to do may finish. */
export async function assertStopsMidway(bench: Bench, expected: Reference): Promise<void> {
  const half = Math.ceil(expected.moments.length / 2);
  const stopped = await bench.run(({ moments }) => moments.length >= half);
  if (stopped.error) await assertInterrupted(bench, stopped);
  await assertFinishes(bench, expected);
}

/** Three interruptions, then to the end: the same bytes as without. */
export async function assertResumes(bench: Bench, expected: Reference): Promise<void> {
  for (const [i, reports] of [1, 2, 1].entries()) {
    const stopped = await bench.run((seen) => seen.reports.length >= reports);
    await assertInterrupted(bench, stopped);
    assert.equal(stopped.resumed, i > 0, "the stage did not continue from its checkpoint");
    assert.equal(bench.store.unfinished().size, 1, "the stage left no checkpoint");
  }
  const last = await assertFinishes(bench, expected);
  assert.ok(last.resumed, "the stage did not continue from its checkpoint");
  assert.equal(bench.store.unfinished().size, 0);
}
