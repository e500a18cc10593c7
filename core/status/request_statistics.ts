/**
 * How many requests there were, and how long they took.
 *
 * @module
 */
import type { Context } from "hono";
import { matchedRoutes } from "hono/route";
import { Counter, Histogram, type Registry } from "prom-client";

/** Seconds; the goal is 0.05. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** By a request that was answered: counts another one that gets the same answer. */
export const countAgain = new WeakMap<Request, (seconds: number) => void>();

/** Metrics of the server itself. Labels name the route, not the path: there are many paths, and anyone can make more. */
export class RequestStatistics {
  readonly #total = new Counter({
    name: "causeway_http_requests_total",
    help: "Requests that were answered",
    labelNames: ["method", "route", "status"],
    registers: [],
  });
  readonly #seconds = new Histogram({
    name: "causeway_http_request_duration_seconds",
    help: "Seconds until an answer began",
    labelNames: ["method", "route"],
    buckets: BUCKETS,
    registers: [],
  });

  /** Takes note of a request that was answered. */
  observe(c: Context, seconds: number): void {
    const handlers = matchedRoutes(c).filter(({ method }) => method !== "ALL");
    const route = handlers.at(-1)?.path ?? "none";
    const method = METHODS.includes(c.req.method) ? c.req.method : "other";
    const total = this.#total.labels({ method, route, status: c.res.status });
    const times = this.#seconds.labels({ method, route });
    const count = (seconds: number) => {
      total.inc();
      times.observe(seconds);
    };
    count(seconds);
    countAgain.set(c.req.raw, count);
  }

  register(registry: Registry): void {
    registry.registerMetric(this.#total);
    registry.registerMetric(this.#seconds);
  }
}

const METHODS = ["GET", "HEAD", "POST", "DELETE"];
