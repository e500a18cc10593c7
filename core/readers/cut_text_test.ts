import assert from "node:assert/strict";
import { Random } from "../random/mod.ts";
import { cutText } from "./cut_text.ts";
import { bytes } from "./testdata/testing.ts";

Deno.test("pieces of a text are the text, well-formed and within the limit", () => {
  const parts = ["a", "é", "🙂", "\n", "\n\n", "\r\n\r\n", " ", ". ", "。", "word"];
  for (let variant = 0; variant < 2000; variant++) {
    const random = new Random(3, "cut", variant);
    const text = Array.from({ length: 1 + random.below(60) }, () => parts[random.below(10)])
      .join("");
    const max_bytes = 1 + random.below(40), slack = random.below(5) / 4;
    const pieces = cutText(text, max_bytes, slack);
    assert.equal(pieces.join(""), text);
    for (const piece of pieces) {
      // A character of up to 4 bytes is never cut.
      assert.ok(piece !== "" && piece.isWellFormed());
      assert.ok(bytes(piece).length <= max_bytes || [...piece].length === 1, piece);
    }
  }
});

Deno.test("a text is cut after a paragraph, else a line, a sentence or a word", () => {
  const cut = (text: string) => cutText(text, 20, 0.5)[0];
  assert.equal(cut("One two. 3 4\n\n5\n6 7 8 9 10 11 12"), "One two. 3 4\n\n");
  assert.equal(cut("One two. 3 4 5\n6. 7 8 9 10 11 12"), "One two. 3 4 5\n");
  assert.equal(cut("One two 3 4 5. 6 7 8 9 10 11 12"), "One two 3 4 5. ");
  assert.equal(cut("One two three four five six"), "One two three four ");
  assert.equal(cut("OneTwoThreeFourFiveSixSeven"), "OneTwoThreeFourFiveS");
});
