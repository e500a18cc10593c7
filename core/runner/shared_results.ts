/**
 * Results that other machines have computed.
 *
 * @module
 */
import type { Survey } from "./survey.ts";

/** Results that are shared with other machines. */
export interface SharedResults {
  /** Fetches the result of a step into the store, if there is one. */
  pull(key: string): Promise<boolean>;
  /** Shares a result of the store, sooner or later. */
  push(key: string): void;
  /** Waits until what was pushed is shared, or was told not to be. */
  settled(): Promise<void>;
}

/** What there is, with the results that others have: each may let more be found. */
export async function withShared(
  look: () => Promise<Survey>,
  shared?: SharedResults,
): Promise<Survey> {
  const asked = new Set<string>();
  for (;;) {
    const surveyed = await look();
    const unknown = surveyed.steps.flatMap(({ action, key }) =>
      shared && action === "run" && key && !asked.has(key) ? [key] : []
    );
    let found = false;
    for (const key of new Set(unknown)) {
      asked.add(key);
      found = await shared!.pull(key) || found;
    }
    if (!found) return surveyed;
  }
}
