/**
 * The revision of data as a config field.
 *
 * @module
 */
import { errorText } from "../words/mod.ts";
import { z } from "zod";

/** A config with the revision of its data filled in. */
export type Pinned<T> = T & { readonly revision: string };

/**
 * A zod transform that adds the revision of the data to a config. The config is part of every artifact key, so changed data
 * (a new pin, an edited file) give a new artifact. A config validated before the data changed is refused, so that no
 * artifact is stored under the key of other data.
 *
 * @param data names the data in the message: 'dataset "brown"'.
 * @param currentRevision may throw or reject, which is reported as an issue.
 * @returns a promise only if `currentRevision` returns one. It never rejects, since synchronous validation drops it.
 */
export function pinRevision<T extends { readonly revision?: string | undefined }>(
  given: T,
  context: z.core.$RefinementCtx,
  data: string,
  currentRevision: () => string | Promise<string>,
): Pinned<T> | Promise<Pinned<T>> {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  const pin = (revision: string) => {
    if (given.revision === undefined || given.revision === revision) return { ...given, revision };
    return refuse(
      `${data} is now at revision ${revision}, not ${given.revision}; run the recipe again, or remove revision from ` +
        "the config to use the current data",
    );
  };
  const explain = (error: unknown) => refuse(errorText(error));
  try {
    const revision = currentRevision();
    return typeof revision === "string" ? pin(revision) : revision.then(pin, explain);
  } catch (error) {
    return explain(error);
  }
}
