/**
 * Tests for every library that computes on the CPU: which are there, and how to say that one is not.
 *
 * @module
 */
import { compileGraph, KERNELS, type Kernels, OneDnnUnavailable } from "../core/engine/mod.ts";
import { add, Graph } from "../core/graph/mod.ts";

/** Why oneDNN cannot be used here; undefined where it can. */
async function problem(): Promise<string | undefined> {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1]);
  graph.output("y", add(x, x));
  try {
    await (await compileGraph(graph, { kernels: "onednn" })).release();
    return undefined;
  } catch (error) {
    if (!(error instanceof OneDnnUnavailable)) throw error;
    return error.message;
  }
}

const missing = await problem();
/** CAUSEWAY_TEST_DEVICES=onednn makes tests fail where they would be skipped. */
const required = (Deno.env.get("CAUSEWAY_TEST_DEVICES") ?? "").split(",").includes("onednn");

/** Registers a test for each library. Where oneDNN is not there, its test says so. */
export function kernelsTest(
  name: string,
  test: (kernels: Kernels) => Promise<void>,
  libraries: readonly Kernels[] = KERNELS,
): void {
  for (const kernels of libraries) {
    const ignore = kernels === "onednn" && missing !== undefined && !required;
    Deno.test({
      name: `${kernels}: ${name}${ignore ? " (skipped: there is no oneDNN)" : ""}`,
      ignore,
      fn: () => test(kernels),
    });
  }
}

/** Registers a test that needs oneDNN. */
export function oneDnnTest(name: string, test: () => Promise<void>): void {
  kernelsTest(name, test, ["onednn"]);
}
