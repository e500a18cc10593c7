import assert from "node:assert/strict";
import { FILES, hubTest, REPO } from "../../tests/shared/hub_tests.ts";
import { accessProblem, downloadFile, parseHubUrl, resolveSnapshot } from "./mod.ts";

const URL = `hf://${REPO}@main/data/*`;

hubTest("a gated repository whose files are listed is found out by one byte of one file", {
  [REPO]: FILES,
}, async (hub, options) => {
  // Anyone may list the files.
  await resolveSnapshot(parseHubUrl(URL), options);
  assert.equal(await accessProblem(URL, options), undefined);
  hub.gates.set(REPO, "hf_right");
  assert.match(
    (await accessProblem(URL, options))!,
    /refuses access to the dataset org\/numbers \(401: .*gated.*set HF_TOKEN to a token/,
  );
  assert.equal(await accessProblem(URL, { ...options, token: "hf_right" }), undefined);
  const { path, origin } = hub.requests.at(-1)!;
  assert.deepEqual([path.includes("/data/a.jsonl"), origin], [true, "hub"]);
});

hubTest("what is in the cache needs no network; what is not is named offline", {
  [REPO]: FILES,
}, async (hub, options) => {
  const snapshot = await resolveSnapshot(parseHubUrl(URL), options);
  const offline = { ...options, offline: true };
  assert.match((await accessProblem(URL, offline))!, /data\/a\.jsonl of .* is not in the cache/);
  for (const file of snapshot.files) await downloadFile(snapshot, file, options);
  const requests = hub.requests.length;
  assert.equal(await accessProblem(URL, offline), undefined);
  assert.equal(await accessProblem(URL, options), undefined);
  assert.equal(hub.requests.length, requests);
});
