/**
 * What the suite asks of a stage's runs on a store.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { AnyStage } from "../../core/stage/mod.ts";
import type { Bench, Observed } from "./bench.ts";

/** What an undisturbed run did and made. */
export type Reference = Observed & {
  manifest: NonNullable<Observed["manifest"]>;
  objects: string[];
};

/** An undisturbed run. @throws whatever the stage throws. */
export async function referenceRun(bench: Bench): Promise<Reference> {
  const observed = await bench.run();
  const { error, manifest } = observed;
  if (error !== undefined || manifest === undefined) throw error ?? new Error("it made nothing");
  assert.deepEqual(await bench.problems(), []);
  return { ...observed, manifest, objects: bench.objects() };
}

/** The outputs are those that the stage declares, no more and no fewer. */
export function assertWritten(stage: AnyStage, { manifest }: Reference): void {
  const kinds = (ports: object) =>
    Object.fromEntries(Object.entries(ports).map(([name, { kind }]) => [name, kind]));
  assert.deepEqual(kinds(manifest.outputs), kinds(stage.outputs));
}

/** Runs to the end, and compares with the undisturbed run. */
async function assertFinishes(bench: Bench, { manifest, objects }: Reference): Promise<Observed> {
  const observed = await bench.run();
  if (observed.error) throw observed.error;
  assert.deepEqual(observed.manifest, manifest, "another result for the same seed and inputs");
  const lacking = objects.filter((digest) => !bench.objects().includes(digest));
  assert.deepEqual(lacking, [], "objects of the undisturbed run are not there");
  assert.deepEqual(await bench.problems(), []);
  return observed;
}

/** The same bytes in a fresh folder, and nothing to do when run again. */
export async function assertSame(bench: Bench, expected: Reference): Promise<void> {
  await assertFinishes(bench, expected);
  assert.deepEqual(bench.objects(), expected.objects);
  assert.ok((await assertFinishes(bench, expected)).skipped, "its key changes from run to run");
}

async function assertInterrupted(bench: Bench, { error, manifest }: Observed): Promise<void> {
  const name = bench.stage.name;
  assert.ok(error, `${name} went on to its end; look at signal between pieces of work`);
  if (error.name !== "Interrupted") throw error;
  assert.equal(manifest, undefined, `${name} was interrupted, and is finished all the same`);
  assert.deepEqual(await bench.problems(), []);
}

/** A stage that reports no progress is done in a moment, and may finish. */
export async function assertStopsAtOnce(bench: Bench, expected: Reference): Promise<void> {
  const stopped = await bench.run(() => true);
  if (expected.reports.length > 0) {
    await assertInterrupted(bench, stopped);
    assert.ok(!stopped.moments.includes("write"), "it wrote although it had been asked to stop");
  }
  await assertFinishes(bench, expected);
}

/** Where a stage has little left to do when it is asked, it may as well finish. */
export async function assertStopsMidway(bench: Bench, expected: Reference): Promise<void> {
  const half = Math.ceil(expected.moments.length / 2);
  const stopped = await bench.run(({ moments }) => moments.length >= half);
  if (stopped.error) await assertInterrupted(bench, stopped);
  await assertFinishes(bench, expected);
}

/** Three interruptions, then to the end: the same bytes as in one go. */
export async function assertResumes(bench: Bench, expected: Reference): Promise<void> {
  for (const [i, reports] of [1, 2, 1].entries()) {
    const stopped = await bench.run((seen) => seen.reports.length >= reports);
    await assertInterrupted(bench, stopped);
    assert.equal(stopped.resumed, i > 0, "it did not go on from its checkpoint");
    assert.equal(bench.store.unfinished().size, 1, "it left no checkpoint");
  }
  const last = await assertFinishes(bench, expected);
  assert.ok(last.resumed, "it did not go on from its checkpoint");
  assert.equal(bench.store.unfinished().size, 0);
}
