/**
 * What all routes read from: runs by their names in a URL, and answers made before.
 *
 * @module
 */
import type { RunIndex, RunSource, RunState } from "../../runs/mod.ts";
import { problem, weakTag } from "../reply.ts";

/** The options of the app that routes read from. */
export interface Source {
  readonly runs: RunSource;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Folder of the store; artifacts are served from there. */
  readonly out?: string;
}

/**
 * The state of a run.
 *
 * @param name its id, or `latest`.
 * @throws {HTTPException} 404 where there is none.
 */
export async function findRun({ runs }: Source, name: string): Promise<RunState> {
  const id = name === "latest" ? runs.ids()[0] : name;
  if (id === undefined) throw problem(404, "there are no runs yet");
  const state = await readLog(id, () => runs.get(id));
  if (!state) throw problem(404, `there is no run "${name}"; GET /runs lists them`);
  return state;
}

/** Series, lines and samples of a run that there is. */
export async function findIndex({ runs }: Source, id: string): Promise<RunIndex> {
  const index = await readLog(id, () => runs.index(id));
  if (!index) {
    throw problem(404, `there is no run "${id}" any more; GET /runs lists those there are`);
  }
  return index;
}

async function readLog<T>(id: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw problem(500, `the event log of run "${id}" cannot be read: ${(error as Error).message}`);
  }
}

/** @throws {HTTPException} 404 with the ids of the run's steps where it has none of that name. */
export function assertStep(state: RunState, task: string): void {
  if (state.steps.some(({ id }) => id === task)) return;
  const known = state.steps.map(({ id }) => id).join(", ");
  throw problem(404, `run ${state.id} has no step "${task}"; its steps: ${known}`);
}

/** An answer that is ready to be sent. */
export interface Answer {
  readonly body: string;
  readonly etag: string;
}

/** Answers that are kept. */
const MAX_ANSWERS = 64;

/** Keeps answers for as long as what they were made from is the same. */
export class AnswerCache {
  readonly #answers = new Map<string, Answer & { readonly parts: readonly unknown[] }>();

  /**
   * @param key what is asked for.
   * @param parts all that the answer depends on; each is compared by identity.
   */
  get(key: string, parts: readonly unknown[], make: () => unknown): Answer {
    const known = this.#answers.get(key);
    const is_same = known?.parts.length === parts.length &&
      known.parts.every((part, i) => Object.is(part, parts[i]));
    if (is_same) return known;
    const body = JSON.stringify(make());
    const answer = { body, etag: weakTag(body), parts };
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    if (this.#answers.size > MAX_ANSWERS) this.#answers.delete(this.#answers.keys().next().value!);
    return answer;
  }
}
