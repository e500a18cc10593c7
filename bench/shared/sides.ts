/**
 * The processes of the two sides: how they start, and what they took.
 *
 * @module
 */
import { Child } from "./child.ts";
import { type Parts, prepare, type Side } from "./contest.ts";
import { peakMemory } from "./process_stats.ts";
import type { SideResult } from "./results.ts";

/** Passes timed by part at the end of a contest. */
const PARTS_PASSES = 3;

/** Starts our process and makes it ready. */
export async function startOurs(module: URL, workload: Record<string, unknown>): Promise<Side> {
  const started = await Child.startModule("Causeway", module);
  try {
    return await prepare(started, workload);
  } catch (error) {
    await started.child.stop();
    throw error;
  }
}

/**
 * Starts PyTorch's process.
 *
 * @param name of the contest, for messages.
 * @param folder for compiled code.
 */
export function startPeer(name: string, python: string, threads: number, folder: string) {
  const env = {
    OMP_NUM_THREADS: String(threads),
    PYTHONDONTWRITEBYTECODE: "1",
    // Compiled code is not reused between runs, so that the time to compile is always measured whole.
    TORCHINDUCTOR_CACHE_DIR: `${folder}/${crypto.randomUUID()}`,
  };
  const script = `${import.meta.dirname}/torch_peer.py`;
  return Child.start(`PyTorch (${name})`, python, [script], env);
}

/** What a process took; its memory first, because timing by part may take more. */
export async function sideResult(side: Side): Promise<SideResult> {
  const { child, start_up_s, prepared, warm_up_peak_bytes } = side;
  const steady_peak_bytes = peakMemory(child.pid);
  const peak_bytes = Math.max(warm_up_peak_bytes ?? 0, steady_peak_bytes ?? 0) || undefined;
  const parts: Parts = await child.request({ do: "parts", count: PARTS_PASSES });
  return { start_up_s, prepared, peak_bytes, steady_peak_bytes, parts };
}
