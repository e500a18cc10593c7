/**
 * Estimates for a cluster as text.
 *
 * @module
 */
import type { ClusterPlan, ClusterTotal } from "./cluster_plan.ts";
import { formatBytes, formatNumber, formatSpan, formatTable } from "../shared/format.ts";

const HEADS = [
  ...[
    "nodes",
    "devices",
    "time",
    "tokens/s",
    "efficiency",
    "summing",
    "memory",
    "sent",
    "failures",
  ],
  "cost",
];

/** Tables for one run and for the whole recipe, with what they rest on. */
export function renderCluster(plan: ClusterPlan): string {
  const { cluster, line, line_tokens, line_totals, steps, tokens, totals, disk, too_few } = plan;
  const { device, checkpoint_minutes } = cluster;
  const [{ checkpoint_seconds }] = totals;
  const few = Object.entries(too_few);
  return [
    `${cluster.name}: ${cluster.devices_per_node} x ${device.name} a node`,
    `Numbers: ${cluster.basis}`,
    "",
    `One run, ${formatNumber(line_tokens)} tokens (${line[0]} to ${line.at(-1)}):`,
    table(line_totals, plan),
    "",
    `All ${formatNumber(steps)} training steps, ${
      formatNumber(tokens)
    } tokens, one after the other:`,
    table(totals, plan),
    "",
    `A checkpoint every ${checkpoint_minutes} minutes takes ${formatSpan(checkpoint_seconds)} to ` +
    `write, beside training. Results and scratch: ${formatBytes(disk)}.`,
    "Time is compute, update and summing of gradients, one after the other, and what failures cost. " +
    "Memory is of one device, sent is what it sends in all.",
    ...(few.length > 0
      ? [
        `${few.length} steps have fewer micro-batches than devices (${few[0][0]}: ${few[0][1]}): ` +
        "the devices beyond would have no work; lower micro_batch_size.",
      ]
      : []),
    ...tooLarge(plan),
  ].join("\n");
}

function table(totals: readonly ClusterTotal[], { cluster: { currency } }: ClusterPlan): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const rows = totals.map((total) => [
    formatNumber(total.nodes),
    formatNumber(total.devices),
    formatSpan(total.seconds),
    formatNumber(Math.round(total.tokens_per_second)),
    percent(total.efficiency),
    percent(total.all_reduce_share),
    formatBytes(total.memory),
    formatBytes(total.sent),
    total.failures < 0.05 ? "" : total.failures.toFixed(1),
    total.cost === undefined ? "" : `${formatNumber(Math.round(total.cost))} ${currency}`,
  ]);
  return formatTable(HEADS, rows, HEADS);
}

function tooLarge({ totals, cluster: { device } }: ClusterPlan): string[] {
  const most = Math.max(...totals.map(({ memory }) => memory));
  if (most <= device.memory_bytes) return [];
  return [
    `${formatBytes(most)} do not fit into ${device.name}'s ${formatBytes(device.memory_bytes)}: ` +
    "lower micro_batch_size.",
  ];
}
