/**
 * Runs single tasks in restricted workers, which need Deno's `--unstable-worker-options`, and prints the result of
 * each: the error message, or the bytes that it wrote.
 *
 *     run_restricted.ts FOLDER '[{"id": "…", "kind": "env", "name": "HOME", "permissions": {…}}]'
 *
 * @module
 */
import { join } from "node:path";
import { defineRecipe } from "@causeway/core/recipe";
import { run, workerExecutor } from "@causeway/core/runner";
import { asking, hiddenStage, reaching } from "./reaching_stages.ts";

export interface Reach {
  id: string;
  stage?: "asking" | "hidden";
  kind?: "env" | "read" | "write" | "net" | "run" | "ffi" | "sys";
  name?: string;
  permissions?: Record<string, true | string[]>;
}

// Fails if this module is loaded in the worker of a task.
Deno.env.get("HOME");

const [folder, text] = Deno.args;
const reaches: Reach[] = JSON.parse(text);
const results: Record<string, string> = {};
for (const { id, stage, kind, name, permissions } of reaches) {
  const recipe = defineRecipe({ name: id, description: "", seed: 0 }, (recipe) => {
    const config = { kind: kind!, name: name ?? "" };
    if (stage === "asking") recipe.step(id, asking, { permissions });
    else if (stage === "hidden") recipe.step(id, hiddenStage(), { permissions });
    else recipe.step(id, reaching, { config, permissions });
  });
  const executor = workerExecutor(import.meta.url, { restrict: true });
  const out = join(folder, id);
  results[id] = await run(recipe, { out, executor }).then(
    ({ steps }) => `wrote ${steps[0].outputs!.text.bytes}`,
    (error) => error.message,
  );
}
console.log(JSON.stringify(results));
