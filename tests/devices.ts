/**
 * Devices for tests: which are there, and how to say that one is not.
 *
 * @module
 */
import { type Device, DEVICES, DeviceUnavailable, Transfer } from "../core/engine/mod.ts";

/** Why a device cannot be used here; undefined where it can. */
async function problem(device: Device): Promise<string | undefined> {
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

const problems = new Map<Device, string | undefined>();
for (const device of DEVICES) problems.set(device, await problem(device));

/**
 * A device that must not be missed: CAUSEWAY_TEST_DEVICES=webgpu makes tests fail instead of being skipped, which
 * is how continuous integration makes sure that they run.
 */
const required = (Deno.env.get("CAUSEWAY_TEST_DEVICES") ?? "").split(",");

/** Registers a test for each device. On one that is not here it says why it was skipped. */
export function deviceTest(
  name: string,
  devices: readonly Device[],
  test: (device: Device) => Promise<void>,
): void {
  for (const device of devices) {
    const missing = problems.get(device);
    const ignore = missing !== undefined && !required.includes(device);
    const suffix = ignore ? ` (skipped: ${missing.split(";")[0]})` : "";
    Deno.test({
      name: `${device}: ${name}${suffix}`,
      ignore,
      fn: () => test(device),
    });
  }
}
