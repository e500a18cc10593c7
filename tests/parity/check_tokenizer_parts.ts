/**
 * Compares our tokenizers with Hugging Face's Rust library on the file of make_tokenizer_parts_fixtures.py:
 *
 *     deno run -A tests/parity/check_tokenizer_parts.ts FILE
 *
 * @module
 */
import { differences, type Parts } from "../../core/tokenizer/pipeline/parts_test.ts";

const parts: Parts = JSON.parse(Deno.readTextFileSync(Deno.args[0]));
for (const { name, found, shown } of differences(parts)) {
  console.log(`${name}: ${found}`);
  for (const line of shown) console.log(`    ${line}`);
}
