import assert from "node:assert/strict";

const CHROMIUM = Deno.env.get("CAUSEWAY_CHROMIUM") ?? "/usr/bin/chromium";

/** @throws {Error} if the variable names a missing browser: whoever sets it wants the tests to run. */
function hasChromium(): boolean {
  try {
    return Deno.statSync(CHROMIUM).isFile;
  } catch {
    if (Deno.env.get("CAUSEWAY_CHROMIUM")) throw new Error(`no browser at ${CHROMIUM}`);
    return false;
  }
}

Deno.test({
  name: "the dashboard works in Chromium (in_browser.ts)",
  ignore: !hasChromium(),
  async fn() {
    const script = new URL("in_browser.ts", import.meta.url).pathname;
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", script],
      env: { NO_COLOR: "1" },
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.ok(success, decode(stdout) + decode(stderr));
  },
});
