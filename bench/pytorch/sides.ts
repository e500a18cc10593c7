/**
 * The processes of a contest: Causeway, the other side, and Gemm alone.
 *
 * @module
 */
import { type Options, type Variant, VARIANT_CONFIG } from "./options.ts";
import type { SideResult } from "./results.ts";
import { type Ceiling, type Parts, prepare, type Side } from "../shared/contest.ts";
import { PACKAGES } from "../shared/machine.ts";
import { Child, peakMemory } from "../shared/processes.ts";

/** Passes that are timed by part at the end of a contest. */
const PARTS_PASSES = 3;

/** Starts Causeway's process and prepares it. */
export async function startOurs(workload: Record<string, unknown>): Promise<Side> {
  const started = await Child.startModule("Causeway", new URL("ours.ts", import.meta.url));
  try {
    return await prepare(started, workload);
  } catch (error) {
    await started.child.stop();
    throw error;
  }
}

export const precisionOf = (variant: Variant) => VARIANT_CONFIG[variant].precision;

/** The rate of Gemm alone in the precision of a variant. */
export function ceilingOf(gemm: Child, variant: Variant): Ceiling {
  return async () => {
    const { rate } = await gemm.request({ do: "rate", precision: precisionOf(variant) });
    await gemm.settle();
    return rate;
  };
}

/** Python packages of a run, with their versions. */
export function packagesOf({ implementations }: Options): Readonly<Record<string, string>> {
  const { transformers, ...packages } = PACKAGES;
  return {
    ...packages,
    ...(implementations.includes("hf") && { transformers }),
    ...(implementations.includes("jax") && { jax: "0.10.2", optax: "0.2.8" }),
  };
}

/**
 * Starts a process of the other side.
 *
 * @param peer.name of the contest, for messages
 * @param folder for compiled code
 */
export function startPeer(
  { name, script }: { name: string; script: string },
  python: string,
  threads: number,
  folder: string,
) {
  const env = {
    OMP_NUM_THREADS: String(threads),
    PYTHONDONTWRITEBYTECODE: "1",
    // An empty cache for each process, so that the whole compile time is measured.
    TORCHINDUCTOR_CACHE_DIR: `${folder}/${crypto.randomUUID()}`,
  };
  return Child.start(`the other side (${name})`, python, [`${import.meta.dirname}/${script}`], env);
}

/** Memory first, because timing by part may need more of it. */
export async function sideResult(side: Side): Promise<SideResult> {
  const { child, start_up_s, prepared, warm_up_peak_bytes } = side;
  const steady_peak_bytes = peakMemory(child.pid);
  const peak_bytes = Math.max(warm_up_peak_bytes ?? 0, steady_peak_bytes ?? 0) || undefined;
  const parts: Parts = await child.request({ do: "parts", count: PARTS_PASSES });
  return { start_up_s, prepared, peak_bytes, steady_peak_bytes, parts };
}
