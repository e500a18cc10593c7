import assert from "node:assert/strict";
import { RECORD_SETS } from "@causeway/datasets";
import { datasetReference } from "./make_dataset_reference.ts";

const committed = Deno.readTextFileSync(new URL("datasets.md", import.meta.url));

Deno.test("docs/datasets.md is what the cards say (deno run -A docs/make_dataset_reference.ts)", async () => {
  assert.equal(committed, await datasetReference());
});

Deno.test("every set of records in docs/datasets.md has a section with files, document and licence", () => {
  const sections = new Map(
    committed.split("\n### ").slice(1).map((text) => [text.split("\n")[0], text]),
  );
  for (const { name } of RECORD_SETS) {
    for (const fact of ["Files", "Document", "Licence"]) {
      assert.match(sections.get(name) ?? "", new RegExp(`\n- ${fact}:\\s+\\S`), `${name}: ${fact}`);
    }
  }
});
