/**
 * What graphs are compiled for, and fed with, for a micro-batch.
 *
 * @module
 */
import type { MicroBatch } from "../batches/mod.ts";
import type { TensorData } from "../engine/mod.ts";
import type { BatchShape } from "../model/mod.ts";

/** The shape of the graphs that a micro-batch takes; those with a document mask are graphs of their own. */
export function batchShape({ rows, length, document_start }: MicroBatch): BatchShape {
  return { rows, length, document_mask: document_start !== undefined };
}

/** The inputs of training and loss graphs that a micro-batch holds. */
export function batchFeeds(
  { input_ids, labels, weights, document_start }: MicroBatch,
): Record<string, TensorData> {
  return { input_ids, labels, weights, ...(document_start && { document_start }) };
}
