/**
 * `deno task bench:status`: latency of the status API while a model trains on all cores, and its cost for the training.
 *
 * @module
 */
import process from "node:process";
import { join } from "node:path";
import { command, count, parseFlags } from "../shared/command.ts";
import { processor } from "../shared/machine.ts";
import { fixed, markdownTable } from "../shared/measurements.ts";
import { cpuSeconds, machineCpuSeconds } from "../shared/processes.ts";
import { costOf, type Estimate, quantile, type Window } from "./cost.ts";
import { Load, type Route, type Timing } from "./load.ts";
import { pause, Training } from "./training.ts";

/** Goals: training speed under load by that without, and milliseconds. */
const MIN_RATIO = 0.97;
const MAX_P99_MS = 20;

const HELP = `Latency of the status API while a model trains, and its cost for the training.

Usage: deno task bench:status [options]

  --rate N     requests per second (default: 200)
  --seconds N  total seconds of load (default: 60)
  --window N   seconds per window (default: 3)
  --streams N  event streams open under load (default: 2)
  --help       show this help

A separate process generates the load, open-loop: a request is timed from when it was due. Windows with and without
load alternate; the ratio of the training's speeds is the median over neighbouring pairs, with its 95% interval. The
goals are a ratio of ${MIN_RATIO} and answers within ${MAX_P99_MS} ms for 99 of 100 requests; the exit code is 1 without them.`;

/** Left out at the start of a window, while connections open and threads wake up. */
const SETTLE_MS = 300;

const routesOf = (tables: string): Route[] => [
  { name: "/status", path: "/status", weight: 6 },
  { name: "/runs", path: "/runs", weight: 2 },
  { name: "/runs/{run}", path: "/runs/latest", weight: 3 },
  { name: "/runs/{run}/plan", path: "/runs/latest/plan", weight: 3 },
  { name: "/runs/{run}/metrics", path: "/runs/latest/metrics?name=loss&points=500", weight: 3 },
  {
    name: "/runs/{run}/artifacts/…",
    path: `/runs/${tables}/artifacts/large/data?offset=1000&limit=100`,
    weight: 2,
  },
  { name: "/metrics", path: "/metrics", weight: 1 },
];

interface Settings {
  readonly rate: number;
  readonly seconds: number;
  readonly window: number;
  readonly streams: number;
}

async function main(args: readonly string[]): Promise<number> {
  const defaults = { rate: "200", seconds: "60", window: "3", streams: "2" };
  const flags = parseFlags(args, "status", defaults);
  if (flags === undefined) return console.log(HELP), 0;
  const settings = {
    rate: count("rate", flags.rate!),
    seconds: count("seconds", flags.seconds!),
    window: count("window", flags.window!),
    streams: count("streams", flags.streams!),
  };
  const load_before = Deno.loadavg()[0];
  const folder = await Deno.makeTempDir();
  try {
    const training = await Training.start(join(folder, "out"));
    const load = new Load(training.url, routesOf(training.tables), settings.rate);
    try {
      await load.run(1); // the first requests compile the server's code
      load.timings.length = 0;
      const windows = await alternate(training, load, settings);
      const cost = costOf(windows, await training.points());
      if (load.repeated > 0) console.log(`${load.repeated} requests were sent twice.`);
      return report(load.timings, cost, windows, load_before) ? 0 : 1;
    } finally {
      load.close();
      await training.stop();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Windows in the order on, off, off, on, …, so that drift affects both equally. */
async function alternate(training: Training, load: Load, settings: Settings): Promise<Window[]> {
  const windows: Window[] = [];
  const pairs = Math.ceil(settings.seconds / settings.window);
  for (let i = 0; i < 2 * pairs; i++) {
    const loaded = [0, 3].includes(i % 4);
    const streams = loaded ? await openStreams(training, settings.streams) : [];
    const running = loaded ? load.run(settings.window) : pause(1000 * settings.window);
    await pause(SETTLE_MS);
    const [begin, before] = [Date.now(), usage(training)];
    await running;
    load.close(); // or the server would, while nobody uses them
    const [end, after] = [Date.now(), usage(training)];
    for (const stream of streams) await stream.cancel();
    const cores = (key: keyof typeof before) => 1000 * (after[key] - before[key]) / (end - begin);
    const [client, server] = [cores("client"), cores("server")];
    const others = cores("all") - client - cores("pipeline");
    windows.push({ loaded, begin, end, client, server, others });
  }
  return windows;
}

/** CPU seconds so far. */
function usage({ pid, server_seconds }: Training) {
  const { user, system } = process.cpuUsage();
  return {
    client: (user + system) / 1e6,
    pipeline: cpuSeconds(pid) ?? NaN,
    server: server_seconds,
    all: machineCpuSeconds() ?? NaN,
  };
}

/** Opens event streams of new events and keeps reading them. */
async function openStreams(
  { url, log_bytes }: Training,
  count: number,
): Promise<ReadableStreamDefaultReader[]> {
  const opened = Array.from({ length: count }, async () => {
    const response = await fetch(new URL(`/runs/latest/events?after=${log_bytes}`, url));
    const reader = response.body!.getReader();
    const drain = async () => {
      while (!(await reader.read()).done);
    };
    drain().catch(() => {});
    return reader;
  });
  return await Promise.all(opened);
}

function report(
  timings: readonly Timing[],
  cost: Estimate,
  windows: readonly Window[],
  load_before: number,
): boolean {
  const routes = [...new Set(timings.map(({ route }) => route))].sort();
  const row = (name: string, chosen: readonly Timing[]) => {
    const times = chosen.map(({ ms }) => ms).sort((a, b) => a - b);
    const failed = chosen.filter(({ status }) => status !== 200).length;
    const quantiles = [0.5, 0.9, 0.99, 1].map((share) => fixed(quantile(times, share), 1));
    return [name, String(times.length), ...quantiles, String(failed)];
  };
  const rows = routes.map((route) => row(route, timings.filter((one) => one.route === route)));
  rows.push(row("all", timings));
  const times = timings.map(({ ms }) => ms).sort((a, b) => a - b);
  const p99 = quantile(times, 0.99);
  const headings = ["route", "requests", "p50 ms", "p90 ms", "p99 ms", "max ms", "not 200"];
  const ratio = (lost: number) => (1 - lost).toFixed(4);
  const mean = (key: "client" | "server" | "others", loaded: boolean) => {
    const values = windows.filter((one) => one.loaded === loaded).map((one) => one[key]);
    return values.reduce((a, b) => a + b, 0) / values.length;
  };
  const used = (key: "client" | "server" | "others") => {
    return `${mean(key, true).toFixed(3)} (${mean(key, false).toFixed(3)} without load)`;
  };
  // Training uses all cores and its threads wait for each other, so it loses what server and client use together.
  const part = mean("server", true) / (mean("server", true) + mean("client", true));
  const { median, low, high, pairs } = cost;
  console.log(markdownTable(headings, rows));
  const reaches = [1 - median >= MIN_RATIO, p99 < MAX_P99_MS];
  const verdict = reaches.map((yes) => yes ? "reached" : "missed");
  console.log(`
Training under load runs at ${ratio(median)} of its speed without (95%: ${ratio(high)} to ${
    ratio(low)
  }; ${pairs} pairs of
windows; goal ${MIN_RATIO}: ${verdict[0]}); 99 of 100 answers came within ${
    fixed(p99, 1)
  } ms (goal ${MAX_P99_MS}: ${verdict[1]}).
The client's processor time is part of that; by its share of the time the server alone leaves training ${
    ratio(part * median)
  } of its
speed, at least ${ratio(part * high)}. In practice the client runs on another machine.
Cores used by the server: ${used("server")}; by the client: ${used("client")};
by others: ${used("others")}.
${processor()}, ${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}; load average before: ${
    load_before.toFixed(2)
  }.`);
  return reaches.every(Boolean);
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));
