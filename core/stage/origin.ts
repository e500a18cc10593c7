/**
 * Where stages come from: the module that declared each of them.
 *
 * @module
 */

// Beside the stages rather than in them: a stage is what its author wrote, and a copy of it is another stage.
const origins = new WeakMap<object, string>();

const PLACE = /(?:^|[\s(])([a-z]+:\/?\/?[^\s()]+):\d+:\d+\)?$/;

/** Remembers the module that called the function that calls this one. */
export function rememberOrigin(stage: object, own_module: string): void {
  const frames = new Error().stack?.split("\n") ?? [];
  const places = frames.flatMap((frame) => PLACE.exec(frame)?.[1] ?? []);
  const caller = places.find((place) => place !== own_module && place !== import.meta.url);
  if (caller !== undefined) origins.set(stage, caller);
}

/** URL of the module that declared a stage by `defineStage`; undefined for one that was made in another way. */
export function originOf(stage: object): string | undefined {
  return origins.get(stage);
}
