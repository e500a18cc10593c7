import assert from "node:assert/strict";
import { importedPackages, localModules } from "./pack.ts";

Deno.test("packages that modules import are packed with what they need, without types, in one version", () => {
  const npm = (name: string, ...dependencies: string[]) => ({
    name,
    dependencies,
    localPath: name,
  });
  const npmPackages = {
    "a@1": npm("a", "b@1", "@types/node@1"),
    "b@1": npm("b", "a@1"),
    "b@2": npm("b"),
    "c@1": npm("c"),
    "@types/node@1": npm("@types/node"),
  };
  const names = (...keys: string[]) => {
    const modules = keys.map((npmPackage) => ({ specifier: `npm:${npmPackage}`, npmPackage }));
    return importedPackages({ modules, npmPackages }).map(({ name }) => name);
  };
  assert.deepEqual(names("a@1"), ["a", "b"]);
  assert.throws(() => names("a@1", "b@2"), /two versions of the package b/);
});

Deno.test("modules of the repository are packed by their path in it", () => {
  const modules = [
    { specifier: "file:///repo/core/a%20b.ts" },
    { specifier: "file:///other/c.ts" },
    { specifier: "node:path" },
  ];
  assert.deepEqual(localModules({ modules, npmPackages: {} }, "/repo/"), ["core/a b.ts"]);
});
