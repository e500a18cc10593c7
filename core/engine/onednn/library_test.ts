import assert from "node:assert/strict";
import { supportedVersion } from "./library.ts";

Deno.test("builds of other versions and runtimes are refused by name", () => {
  const version = (major: number, runtime: number) =>
    supportedVersion("libdnnl.so.3", {
      getInt32: (at = 0) => new Map([[0, major], [4, 13], [8, 2], [24, runtime]]).get(at)!,
    });
  assert.equal(version(3, 2), "3.13.2");
  assert.throws(() => version(3, 512), /is oneDNN 3\.13\.2 for SYCL; .* install the PyPI package/);
  assert.throws(() => version(3, 4), /for TBB;/);
  assert.throws(() => version(2, 2), /is oneDNN 2\.13\.2; a build of version 3/);
});
