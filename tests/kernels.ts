/**
 * Tests for every library that computes on the CPU: which are there, and how to say that one is not.
 *
 * @module
 */
import { compile, type Kernels, OneDnnUnavailable } from "../core/engine/mod.ts";
import { Graph, mul } from "../core/graph/mod.ts";

type Products = "float32" | "bfloat16";

/** Why oneDNN cannot be used here with products in a dtype; undefined where it can. */
async function problem(products: Products): Promise<string | undefined> {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1]);
  graph.output("y", mul(x, x));
  try {
    await (await compile(graph, { kernels: "onednn", precision: products })).release();
    return undefined;
  } catch (error) {
    if (error instanceof OneDnnUnavailable) return "there is no oneDNN";
    if (/no bfloat16/.test((error as Error).message)) return "the processor has no bfloat16";
    throw error;
  }
}

const missing = { float32: await problem("float32"), bfloat16: await problem("bfloat16") };
/** CAUSEWAY_TEST_DEVICES=onednn makes tests fail where they would be skipped for want of the library. */
const required = (Deno.env.get("CAUSEWAY_TEST_DEVICES") ?? "").split(",").includes("onednn");

/** Registers a test that needs oneDNN, and a processor that multiplies in the dtype of `products`. */
export function oneDnnTest(
  name: string,
  products: Products,
  test: () => Promise<void>,
): void {
  const library_missing = missing.float32 !== undefined;
  const ignore = library_missing ? !required : missing[products] !== undefined;
  const suffix = ignore ? ` (skipped: ${missing[products]})` : "";
  Deno.test({ name: `onednn: ${name}${suffix}`, ignore, fn: test });
}

/** Registers a test for each library. Where oneDNN is not there, its test says so. */
export function kernelsTest(name: string, test: (kernels: Kernels) => Promise<void>): void {
  Deno.test(`onnxruntime: ${name}`, () => test("onnxruntime"));
  oneDnnTest(name, "float32", () => test("onednn"));
}
