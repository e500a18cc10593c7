/**
 * The mlflow tracker: a run on an MLflow tracking server, through its REST API (mlflow.org/docs/latest/rest-api.html).
 *
 * ```sh
 * deno task pipeline --tracker mlflow:http://127.0.0.1:5000
 * ```
 *
 * The recipe is the experiment, its run a run; metrics are named "STEP/METRIC", configs are parameters.
 *
 * @module
 */
import {
  defineTracker,
  type TrackedEnd,
  type TrackedPoint,
  type TrackedRun,
  type TrackerWriter,
} from "../../core/stage/mod.ts";
import { MlflowApi } from "./api.ts";

/** As the server allows in one request. */
const MAX_METRICS = 1000, MAX_PARAMS = 100;
const MAX_PARAM_LENGTH = 6000;
/** Points that wait for a slow server; beyond them the oldest are dropped. */
const MAX_WAITING = 100_000;
const SEND_EVERY_MS = 2000;

const STATUS: Record<TrackedEnd, string> = {
  finished: "FINISHED",
  failed: "FAILED",
  interrupted: "KILLED",
};

interface Metric {
  key: string;
  value: number;
  timestamp: number;
  step: number;
}

export const mlflow = defineTracker({
  name: "mlflow",
  description: "A run on an MLflow tracking server.",
  async open(run, { target = "http://127.0.0.1:5000" }) {
    const api = new MlflowApi(target);
    const experiment_id = await api.experiment(run.recipe);
    const run_id = await api.createRun(experiment_id, run.id, run.started_at, {
      "mlflow.note.content": run.description,
    });
    await logParameters(api, run_id, run);
    return new MlflowWriter(api, run_id);
  },
});

/** Names that the server takes: letters, digits, and `_-./ ` (and `:` nowhere). */
const nameOf = (text: string) => text.replace(/[^\w\-./ ]/g, "_");

async function logParameters(api: MlflowApi, run_id: string, { steps }: TrackedRun): Promise<void> {
  const params = steps.flatMap(({ id, stage, config, seed }) => [
    { key: nameOf(`${id}/stage`), value: stage },
    ...(seed === undefined ? [] : [{ key: nameOf(`${id}/seed`), value: String(seed) }]),
    ...Object.entries(Object(config)).map(([name, value]) => ({
      key: nameOf(`${id}/${name}`),
      value: JSON.stringify(value).slice(0, MAX_PARAM_LENGTH),
    })),
  ]);
  for (let start = 0; start < params.length; start += MAX_PARAMS) {
    await api.logBatch({ run_id, params: params.slice(start, start + MAX_PARAMS) });
  }
}

class MlflowWriter implements TrackerWriter {
  #waiting: Metric[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> = Promise.resolve();
  #error: unknown;

  constructor(private readonly api: MlflowApi, private readonly run_id: string) {}

  points(points: readonly TrackedPoint[]): void {
    if (this.#error !== undefined) throw this.#error;
    for (const { step_id, step, time: timestamp, metrics } of points) {
      for (const [name, value] of Object.entries(metrics)) {
        // JSON has no NaN; the server has no other way to say it.
        if (value !== null) {
          this.#waiting.push({ key: nameOf(`${step_id}/${name}`), value, timestamp, step });
        }
      }
    }
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.splice(0, this.#waiting.length - MAX_WAITING);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#send();
    }, SEND_EVERY_MS);
  }

  async end(state: TrackedEnd, time: number): Promise<void> {
    clearTimeout(this.#timer);
    this.#send();
    await this.#sending;
    if (this.#error !== undefined) throw this.#error;
    await this.api.endRun(this.run_id, STATUS[state], time);
  }

  /** One batch after the other; an error is told with the next points. */
  #send(): void {
    const metrics = this.#waiting.splice(0);
    this.#sending = this.#sending.then(async () => {
      for (
        let start = 0;
        start < metrics.length && this.#error === undefined;
        start += MAX_METRICS
      ) {
        const batch = { run_id: this.run_id, metrics: metrics.slice(start, start + MAX_METRICS) };
        await this.api.logBatch(batch);
      }
    }).catch((error) => void (this.#error = error));
  }
}
