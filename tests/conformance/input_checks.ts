/**
 * A stage must leave what it is given as it was: other steps read the same artifacts.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { AnyStage } from "../../core/stage/mod.ts";
import { fakeContext } from "../shared/fake_context.ts";
import type { AnyCase } from "./bench.ts";

/** In memory the stage gets the very arrays of the test, so that a change shows. */
export async function assertInputsKept(stage: AnyStage, given: AnyCase): Promise<void> {
  const { config, inputs, seed } = given as never as { config: never; inputs: never; seed: number };
  const inputs_before = structuredClone(inputs);
  const fake = await fakeContext(stage, { config, inputs, seed });
  const config_before = structuredClone(fake.ctx.config);
  await stage.run(fake.ctx);
  assert.deepEqual(inputs, inputs_before, "the stage changed its inputs");
  assert.deepEqual(fake.ctx.config, config_before, "the stage changed its config");
}
