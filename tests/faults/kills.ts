/**
 * Kills a run again and again, at random moments and while it writes, and restarts it until it is finished.
 *
 * @module
 */
import type { Random } from "@causeway/core/random";
import { Child } from "./child.ts";
import {
  doing,
  eventsOf,
  halfWritten,
  type Kept,
  kept,
  lostWork,
  runIds,
  secondsLost,
} from "./traces.ts";

/** Writes to aim at, by the paths that change. */
const AIMS: Readonly<Record<string, RegExp>> = {
  checkpoint: /\/work\/[0-9a-f]+\/filling/,
  "checkpoint rename": /\/work\/[0-9a-f]+\/step-\d+$/,
  object: /\/store\/tmp\//,
  "object rename": /\/store\/objects\/..\/[0-9a-f]+$/,
  manifest: /\/store\/manifests\/[0-9a-f]+\.json$/,
  "lock.json": /\/lock\.json/,
  events: /\/events\.jsonl$/,
  published: /\/out\/faults\//,
};

/** One kill. */
export interface Kill {
  /** "random", or a name of AIMS. */
  aim: string;
  /** Running task, or "starting", "between steps", "publishing", "ending". */
  doing: string;
  /** Files that were half written. */
  writing: readonly string[];
  /** Since the last manifest or checkpoint, or the start of the process. */
  seconds_lost: number;
}

/** A run that was killed and restarted until it finished. */
export interface Ordeal {
  kills: readonly Kill[];
  /** Sum over all processes. */
  seconds: number;
}

/**
 * Runs the pipeline until it finishes, killing it on the way.
 *
 * @param out a folder named `out`
 * @param options.span_ms random kills happen within this time after a start
 * @param options.limit largest number of kills
 * @throws {Error} if a restarted run fails, or repeats finished work.
 */
export async function torment(
  out: string,
  random: Random,
  options: { span_ms: number; limit: number; env?: Record<string, string> },
): Promise<Ordeal> {
  const { span_ms, limit, env } = options;
  const kills: Kill[] = [];
  const began = performance.now();
  for (;;) {
    const before = kept(out);
    const runs = runIds(out);
    const started = Date.now();
    const child = new Child(out, { env, args: ["--quiet"] });
    const shot = kills.length < limit ? aim(out, child, random, span_ms) : undefined;
    const { code, signal, err } = await child.ended;
    const ended = Date.now();
    shot?.stop();
    const events = runIds(out).filter((id) => !runs.includes(id)).flatMap((id) =>
      eventsOf(out, id)
    );
    check(before, kept(out), lostWork(before, events));
    if (signal !== "SIGKILL") {
      if (code !== 0) throw new Error(`after ${kills.length} kills a run failed: ${err}`);
      return { kills, seconds: (performance.now() - began) / 1000 };
    }
    kills.push({
      aim: shot!.name,
      doing: doing(events),
      writing: halfWritten(out),
      seconds_lost: secondsLost(out, started, ended),
    });
  }
}

function check(before: Kept, after: Kept, lost: string[]): void {
  const gone = [...before.manifests].filter((key) => !after.manifests.has(key));
  lost.push(...gone.map((key) => `manifest ${key} is missing`));
  if (lost.length > 0) throw new Error(`work was lost: ${lost.join("; ")}`);
}

/** Kills a process at a random moment, or when a random kind of file changes. */
function aim(out: string, child: Child, random: Random, span_ms: number) {
  const kill = () => child.kill("SIGKILL");
  if (random.uniform() < 0.5) {
    const timer = setTimeout(kill, span_ms * random.uniform());
    return { name: "random", stop: () => clearTimeout(timer) };
  }
  const names = Object.keys(AIMS);
  const name = names[random.below(names.length)];
  let left = random.below(12);
  const delay_ms = 3 * random.uniform();
  const watcher = Deno.watchFs(out);
  (async () => {
    for await (const { paths } of watcher) {
      if (!paths.some((path) => AIMS[name].test(path)) || left-- > 0) continue;
      setTimeout(kill, delay_ms);
      return;
    }
  })();
  return {
    name,
    stop: () => {
      try {
        watcher.close();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error; // the loop has ended and closed it
      }
    },
  };
}
