/**
 * Tests that need a device or a CPU library. They are skipped, with the reason, on machines that lack it.
 *
 * @module
 */
import {
  compile,
  type Device,
  DEVICES,
  DeviceUnavailable,
  type Kernels,
  OneDnnUnavailable,
  Transfer,
} from "@causeway/core/engine";
import { Graph, mul } from "@causeway/core/graph";

/** With CAUSEWAY_TEST_DEVICES=webgpu,onednn tests of these fail instead of being skipped, so that CI runs them. */
const required = (Deno.env.get("CAUSEWAY_TEST_DEVICES") ?? "").split(",");

/** Why a device cannot be used here; undefined if it can. */
async function deviceProblem(device: Device): Promise<string | undefined> {
  const transfer = new Transfer(device);
  try {
    const one = await transfer.upload({
      data: Float32Array.of(1),
      dtype: "float32",
      shape: [1],
    });
    one.release();
    return undefined;
  } catch (error) {
    if (!(error instanceof DeviceUnavailable)) throw error;
    return error.message;
  } finally {
    await transfer.release().catch(() => {});
  }
}

const device_problems = new Map<Device, string | undefined>();
for (const device of DEVICES) device_problems.set(device, await deviceProblem(device));

/** Registers a test for each device; the name of a skipped one has the reason. */
export function deviceTest(
  name: string,
  devices: readonly Device[],
  test: (device: Device) => Promise<void>,
): void {
  for (const device of devices) {
    const missing = device_problems.get(device);
    const ignore = missing !== undefined && !required.includes(device);
    const suffix = ignore ? ` (skipped: ${missing.split(";")[0]})` : "";
    Deno.test({
      name: `${device}: ${name}${suffix}`,
      ignore,
      fn: () => test(device),
    });
  }
}

type Products = "float32" | "bfloat16";

/** Why oneDNN cannot multiply in a dtype here; undefined if it can. */
async function oneDnnProblem(products: Products): Promise<string | undefined> {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1]);
  graph.output("y", mul(x, x));
  try {
    await (await compile(graph, { kernels: "onednn", precision: products })).release();
    return undefined;
  } catch (error) {
    if (error instanceof OneDnnUnavailable) return "oneDNN is not installed";
    if (/no bfloat16/.test((error as Error).message)) {
      return "the processor has no bfloat16 instructions";
    }
    throw error;
  }
}

const onednn_problems = {
  float32: await oneDnnProblem("float32"),
  bfloat16: await oneDnnProblem("bfloat16"),
};

/** Registers a test that needs oneDNN and a processor that multiplies in the dtype of `products`. */
export function oneDnnTest(
  name: string,
  products: Products,
  test: () => Promise<void>,
): void {
  const library_missing = onednn_problems.float32 !== undefined;
  const ignore = library_missing
    ? !required.includes("onednn")
    : onednn_problems[products] !== undefined;
  const suffix = ignore ? ` (skipped: ${onednn_problems[products]})` : "";
  Deno.test({ name: `onednn: ${name}${suffix}`, ignore, fn: test });
}

/** Registers a test for each CPU library; without oneDNN its test is skipped. */
export function kernelsTest(name: string, test: (kernels: Kernels) => Promise<void>): void {
  Deno.test(`onnxruntime: ${name}`, () => test("onnxruntime"));
  oneDnnTest(name, "float32", () => test("onednn"));
}
