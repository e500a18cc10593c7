/**
 * Which turns of a conversation are learned.
 *
 * @module
 */
import { z } from "zod";
import type { RenderedChat } from "./template.ts";

/**
 * `assistant`: every turn of the assistant, the token that ends it included; `last_assistant`: the last one only; `all`: all
 * that is there, as in pretraining.
 */
export const loss_on_schema = z.enum(["assistant", "last_assistant", "all"]);
export type LossOn = z.output<typeof loss_on_schema>;

/** The spans of a text, in UTF-16 units, on which loss is taken. */
export function learnedSpans(
  { text, spans }: RenderedChat,
  loss_on: LossOn = "assistant",
): readonly number[] {
  if (loss_on === "all") return text.length > 0 ? [0, text.length] : [];
  return loss_on === "assistant" ? spans : spans.slice(-2);
}
