/**
 * Runs the tests in tests/extra: they need packages that users do not, so they are a project with a deno.json and a
 * lock file of their own.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("extra/", import.meta.url));
const CHROMIUM = Deno.env.get("CAUSEWAY_CHROMIUM") ?? "/usr/bin/chromium";

/** @throws {Error} if the variable names a missing browser: the tests are wanted then. */
function hasChromium(): boolean {
  try {
    return Deno.statSync(CHROMIUM).isFile;
  } catch {
    if (Deno.env.get("CAUSEWAY_CHROMIUM")) throw new Error(`no browser at ${CHROMIUM}`);
    return false;
  }
}

async function runTests(file: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--frozen", "--config", `${FOLDER}deno.json`, FOLDER + file],
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.ok(success, decode(stdout) + decode(stderr));
}

Deno.test("the status API answers as its OpenAPI document says (extra/openapi.ts)", () =>
  runTests("openapi.ts"));

Deno.test("the WebAssembly kernels are compiled from their source (extra/kernels.ts)", () =>
  runTests("kernels.ts"));

Deno.test({
  name: "the dashboard works in Chromium (extra/dashboard.ts)",
  ignore: !hasChromium(),
  fn: () => runTests("dashboard.ts"),
});
