/**
 * A worker of `countWords`.
 *
 * @module
 */
import type { CountRequest } from "./count_words.ts";
import { unpack } from "./text_batch.ts";
import { WordCounter } from "./word_counter.ts";
import { serve } from "./worker_pool.ts";

const counter = new WordCounter();

serve((request: CountRequest) => {
  if (request.type === "finish") return { reply: counter.result };
  for (const text of unpack(request.texts)) counter.addText(text);
  return {};
});
