import assert from "node:assert/strict";
import { join } from "node:path";
import { accessFor, isLoopback, takeToken, TOKEN_VARIABLE } from "./access.ts";

const TOKEN = "0123456789abcdef";

Deno.test("an address that other machines can reach needs a token", () => {
  for (const host of ["0.0.0.0", "::", "192.168.0.9", "lab", "128.0.0.1", "127.evil.example"]) {
    assert.equal(isLoopback(host), false);
    assert.throws(
      () => accessFor(host),
      /can be reached from other machines: give it a token with the variable/,
    );
    assert.ok(accessFor(host, { token: TOKEN }).token);
  }
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
    assert.ok(isLoopback(host));
    assert.equal(accessFor(host).token, undefined);
  }
});

Deno.test("a server answers to its address, the machine's names, and allowed names", () => {
  const own = ["127.0.0.1", "localhost", "[::1]"];
  assert.deepEqual(accessFor("127.0.0.1").hosts, own);
  assert.deepEqual(accessFor("127.0.0.2", { allow_hosts: ["Lab.Example"] }).hosts, [
    ...own,
    "127.0.0.2",
    "lab.example",
  ]);
  const machine = Deno.hostname().toLowerCase();
  assert.ok(accessFor("fe80::1", { token: TOKEN }).hosts.includes("[fe80::1]"));
  const { hosts } = accessFor("0.0.0.0", { token: TOKEN });
  assert.ok(hosts.includes(machine));
  for (const { address, family } of Deno.networkInterfaces()) {
    if (family === "IPv4") assert.ok(hosts.includes(address), address);
  }
});

Deno.test("the token is read from a file or the environment, and removed from the environment", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "token");
    Deno.env.set(TOKEN_VARIABLE, TOKEN);
    assert.equal(takeToken(), TOKEN);
    assert.equal(Deno.env.get(TOKEN_VARIABLE), undefined);
    assert.equal(takeToken(), undefined);
    Deno.writeTextFileSync(path, `${TOKEN}-file\n`);
    Deno.env.set(TOKEN_VARIABLE, TOKEN);
    assert.equal(takeToken(path), `${TOKEN}-file`);
    assert.equal(Deno.env.get(TOKEN_VARIABLE), undefined);
    for (const bad of ["", "short", "0123456789 abcdef", "0123456789abcdé"]) {
      Deno.writeTextFileSync(path, bad);
      assert.throws(
        () => takeToken(path),
        /the token in .*token must be at least 16 ASCII characters/,
      );
    }
    Deno.env.set(TOKEN_VARIABLE, "short");
    assert.throws(() => takeToken(), /the token in CAUSEWAY_STATUS_TOKEN must be at least 16/);
    assert.throws(() => takeToken(join(folder, "none")), Deno.errors.NotFound);
  } finally {
    Deno.env.delete(TOKEN_VARIABLE);
    await Deno.remove(folder, { recursive: true });
  }
});
