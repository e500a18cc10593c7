import assert from "node:assert/strict";
import { join } from "node:path";
import { gitDigest } from "../../tests/shared/hub_server.ts";
import { hubTest, LISTED, type TestOptions } from "../../tests/shared/hub_tests.ts";
import { Random } from "../random/mod.ts";
import { resolveSnapshot } from "./mod.ts";
import { parseEntry, parseTree, treeText } from "./cache.ts";

const FILES = LISTED;
const REPO = "org/numbers";

const at = (pattern?: string, revision = "main", repo = REPO) => ({ repo, revision, pattern });

const setTest = (name: string, test: Parameters<typeof hubTest>[2]) =>
  hubTest(name, { [REPO]: FILES, legacy: { "a.txt": "a" } }, test);

setTest("a listing of several pages is sorted and has digests", async (hub, options) => {
  const { files } = await resolveSnapshot(at(), options);
  assert.deepEqual(files.map(({ path }) => path), Object.keys(FILES));
  assert.ok(hub.requested(/cursor/).length >= 2);
  // As `git hash-object` and `sha256sum` say.
  const git = "git:bbdcf5e1b126de9e45524cece861e9257c74b548";
  assert.deepEqual(files[0], { path: "README.md", bytes: 10, digest: git });
  const sha256 = "sha256:fbc62d3b511368ee275ddc74117d8689b430e1427220e25d30816201d89ca7b6";
  assert.deepEqual(files[4], { path: "data/train.parquet", bytes: 4, digest: sha256 });
});

setTest("branches, tags and datasets without an owner are found", async (hub, options) => {
  const files = { "x.txt": "x" };
  const commit = hub.commit(REPO, files, "refs/convert/parquet");
  assert.equal((await resolveSnapshot(at("*", "refs/convert/parquet"), options)).commit, commit);
  assert.equal(await Deno.readTextFile(refPath(options, "refs/convert/parquet")), commit);
  const legacy = await resolveSnapshot(at(undefined, "main", "legacy"), options);
  assert.deepEqual(legacy.files.map(({ path }) => path), ["a.txt"]);
});

const refPath = ({ cache }: TestOptions, revision: string) =>
  join(cache, "datasets--org--numbers", "refs", revision);

setTest("a branch is looked up once an hour", async (hub, options) => {
  const first = await resolveSnapshot(at(), options);
  const second = hub.commit(REPO, { "new.txt": "new" });
  const requests = hub.requests.length;
  assert.deepEqual(await resolveSnapshot(at(), options), first);
  assert.equal(hub.requests.length, requests);

  const old = Date.now() / 1000 - 3601;
  await Deno.utime(refPath(options, "main"), old, old);
  assert.equal((await resolveSnapshot(at(), { ...options, offline: true })).commit, first.commit);
  assert.equal((await resolveSnapshot(at(), options)).commit, second);
});

setTest("concurrent calls get the same answer from one request", async (hub, options) => {
  let moved = false;
  hub.spoil = ({ path }, usual) => {
    if (!path.includes("/revision/")) return undefined;
    const answer = usual();
    if (!moved) hub.commit(REPO, { ...FILES, "more.txt": "" });
    moved = true;
    return answer;
  };
  const asked = Array.from({ length: 4 }, () => resolveSnapshot(at(), options));
  const commits = (await Promise.all(asked)).map(({ commit }) => commit);
  assert.equal(new Set(commits).size, 1);
  assert.equal(hub.requested(/\/revision\//).length, 1);
});

setTest("a commit with a cached listing needs no network", async (hub, options) => {
  const { commit } = await resolveSnapshot(at(), options);
  const requests = hub.requests.length;
  for (const offline of [false, true]) {
    const found = await resolveSnapshot(at("**/*.parquet", commit), { ...options, offline });
    assert.deepEqual(found.files.map(({ path }) => path), ["data/train.parquet"]);
  }
  assert.equal(hub.requests.length, requests);
});

setTest("a damaged listing in the cache is fetched again", async (_, options) => {
  const first = await resolveSnapshot(at(), options);
  const path = join(options.cache, "datasets--org--numbers", "trees", `${first.commit}.json`);
  for (
    const text of ["", '{"format_version":2,"files":{}}', '{"format_version":1,"files":{"a":1}}']
  ) {
    await Deno.writeTextFile(path, text);
    assert.deepEqual(await resolveSnapshot(at(), options), first);
  }
});

Deno.test("listings are parsed or refused, and the same from the cache", () => {
  const oid = gitDigest("x");
  const values = [
    0,
    3,
    -1,
    2.5,
    NaN,
    null,
    undefined,
    "",
    "a/b",
    "__proto__",
    oid,
    oid + "00",
    [],
    {},
  ]
    .concat("file", "directory", oid.slice(0, 24) + oid);
  let parsed = 0;
  for (let step = 0; step < 20_000; step++) {
    const random = new Random(3, "listing", step);
    const any = <T>(usual: T) =>
      random.below(8) === 0 ? values[random.below(values.length)] : usual;
    const lfs = random.below(2) === 0
      ? { oid: any(oid.slice(0, 24) + oid), size: any(7) }
      : undefined;
    const entry = any({
      type: any("file"),
      path: any("a"),
      oid: any(oid),
      size: any(5),
      lfs: any(lfs),
    });
    let file;
    try {
      file = parseEntry(entry);
    } catch (error) {
      assert.equal((error as Error).name, "ZodError", JSON.stringify(entry));
      continue;
    }
    if (file === undefined) continue;
    parsed++;
    const tree = new Map([file]);
    assert.deepEqual(parseTree(treeText(tree)), tree, JSON.stringify(entry));
  }
  assert.ok(parsed > 1000, `${parsed} entries were parsed`);
});
