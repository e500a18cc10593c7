/**
 * The route of the machine's load and memory.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import process from "node:process";
import { answers, JSON_TYPE } from "./shared.ts";

const bytes = z.number();

const system_schema = z.object({
  cores: z.int(),
  load: z.array(z.number()).nullable().openapi({
    description: "load averages over 1, 5 and 15 minutes; null on Windows",
  }),
  memory: z.object({
    total_bytes: bytes,
    available_bytes: bytes.openapi({ description: "without swapping" }),
    swap_total_bytes: bytes,
    swap_free_bytes: bytes,
  }),
  process: z.object({
    rss_bytes: bytes.openapi({ description: "of all threads" }),
    cpu_seconds: z.number().openapi({ description: "of all threads, since the start" }),
    uptime_s: z.number(),
  }),
}).openapi("System");

const system = createRoute({
  method: "get",
  path: "/system",
  summary: "Load and memory of the machine and of this process",
  responses: answers("Current values", { [JSON_TYPE]: system_schema }, []),
});

/** Adds /system. */
export function addSystem(app: OpenAPIHono): void {
  app.openapi(system, (c) => c.json(describeSystem(), 200));
}

function describeSystem(): z.infer<typeof system_schema> {
  const memory = Deno.systemMemoryInfo();
  return {
    cores: navigator.hardwareConcurrency,
    load: Deno.build.os === "windows" ? null : Deno.loadavg(),
    memory: {
      total_bytes: memory.total,
      available_bytes: memory.available,
      swap_total_bytes: memory.swapTotal,
      swap_free_bytes: memory.swapFree,
    },
    process: describeProcess(),
  };
}

/** Resident memory, processor time and age of this process, all threads together. */
export function describeProcess() {
  const { user, system } = process.cpuUsage();
  return {
    rss_bytes: Deno.memoryUsage().rss,
    cpu_seconds: (user + system) / 1e6,
    uptime_s: process.uptime(),
  };
}
