import assert from "node:assert/strict";
import { codeSpan, plainText, table } from "./markdown.ts";

Deno.test("text of others is no markup", () => {
  assert.equal(
    plainText("# <img src=x onerror=alert(1)> &#x202e; [a](javascript:b) ![c](d)\n**e** _f_ g_h"),
    "\\# &lt;img src=x onerror=alert(1)&gt; &amp;#x202e; \\[a\\](javascript:b) !\\[c\\](d) " +
      "\\*\\*e\\*\\* \\_f\\_ g_h",
  );
  assert.equal(plainText("a\x1b[2J"), "a\\\\u001b\\[2J");
  assert.equal(codeSpan("a``<b>`"), "``` a``<b>` ```");
  assert.equal(table(["a"], [["b | <i>"]]), "| a |\n| --- |\n| b \\| &lt;i&gt; |");
});
