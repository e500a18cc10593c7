/**
 * The mlflow tracker: writes a run to an MLflow tracking server through its REST API
 * (mlflow.org/docs/latest/rest-api.html).
 *
 * ```sh
 * deno task pipeline --tracker mlflow:http://127.0.0.1:5000
 * ```
 *
 * The recipe becomes an experiment, and its run a run; metrics are named "STEP/METRIC", and configs are parameters.
 *
 * @module
 */
import { firstText } from "@causeway/core/net";
import { z } from "zod";
import {
  defineTracker,
  type TrackedEnd,
  type TrackedPoint,
  type TrackedRun,
  type TrackerWriter,
} from "@causeway/core/stage";

/** Limits of one request, set by the server. */
const MAX_METRICS = 1000, MAX_PARAMS = 100;
const MAX_PARAM_LENGTH = 6000;
/** Metrics that wait for a slow server; if there are more, the oldest are dropped. */
const MAX_WAITING = 100_000;
const SEND_EVERY_MS = 2000;

const STATUS: Record<TrackedEnd, string> = {
  finished: "FINISHED",
  failed: "FAILED",
  interrupted: "KILLED",
};

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

/** Replaces characters that the server rejects in names; it accepts letters, digits and `_-./ `. */
const nameOf = (text: string) => text.replace(/[^\w\-./ ]/g, "_");

async function logParameters(api: MlflowApi, run_id: string, { tasks }: TrackedRun): Promise<void> {
  const params = tasks.flatMap(({ id, stage, config, seed }) => [
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
    for (const { task, step, time: timestamp, metrics } of points) {
      for (const [name, value] of Object.entries(metrics)) {
        // null means not finite, which JSON cannot express.
        if (value !== null) {
          this.#waiting.push({ key: nameOf(`${task}/${name}`), value, timestamp, step });
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

  /** Sends the waiting metrics after those already being sent; an error is thrown with the next points. */
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

const ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;
const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1 << 20;
/** Shown of a server's error message. */
const MAX_SAID_LENGTH = 500;

const experiment_schema = z.object({ experiment_id: z.string() });
const run_schema = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) });

interface Metric {
  key: string;
  value: number;
  timestamp: number;
  step: number;
}

/** Parameters and metrics of one request. */
interface LogBatch {
  readonly run_id: string;
  readonly metrics?: readonly Metric[];
  readonly params?: readonly { key: string; value: string }[];
}

/** The calls of MLflow's REST API that the tracker needs. */
class MlflowApi {
  /** @param server URL of the tracking server, without a path. */
  constructor(readonly server: string) {}

  /** The id of an experiment, which is created if it does not exist. */
  async experiment(name: string): Promise<string> {
    const found = await this.#call(
      z.object({ experiment: experiment_schema.optional() }),
      "GET",
      `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`,
      undefined,
      [404],
    );
    if (found.experiment) return found.experiment.experiment_id;
    const made = await this.#call(experiment_schema, "POST", "experiments/create", { name });
    return made.experiment_id;
  }

  /** @param start_time Unix milliseconds. */
  async createRun(
    experiment_id: string,
    run_name: string,
    start_time: number,
    tags: Readonly<Record<string, string>>,
  ): Promise<string> {
    const { run } = await this.#call(run_schema, "POST", "runs/create", {
      ...{ experiment_id, run_name, start_time },
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    });
    return run.info.run_id;
  }

  async logBatch(batch: LogBatch): Promise<void> {
    await this.#call(z.unknown(), "POST", "runs/log-batch", batch);
  }

  /** @param end_time Unix milliseconds. */
  async endRun(run_id: string, status: string, end_time: number): Promise<void> {
    await this.#call(z.unknown(), "POST", "runs/update", { run_id, status, end_time });
  }

  /**
   * Sends a request; retries when the network or the server fails.
   *
   * @param schema of the answer.
   * @param expected statuses besides 2xx that are not errors.
   * @throws {Error} with the server's message, or when the answer is not that of an MLflow server.
   */
  async #call<T>(
    schema: z.ZodType<T>,
    method: string,
    path: string,
    body?: unknown,
    expected: number[] = [],
  ): Promise<T> {
    const url = new URL(`/api/2.0/mlflow/${path}`, this.server);
    for (let attempt = 1;; attempt++) {
      try {
        const response = await fetch(url, {
          method,
          headers: { "content-type": "application/json" },
          body: body === undefined ? undefined : JSON.stringify(body),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        const answer = jsonOf(await firstText(response, MAX_ANSWER_BYTES));
        if (response.ok || expected.includes(response.status)) {
          const { data, success } = schema.safeParse(answer);
          if (success) return data;
          throw new Refused(`the answer of ${this.server} to ${path} is not that of MLflow`);
        }
        const said = String(Object(answer).message ?? path).slice(0, MAX_SAID_LENGTH);
        const message = `${this.server} answered ${response.status}: ${said}`;
        if (response.status < 500 && response.status !== 429) throw new Refused(message);
        throw new Error(message);
      } catch (error) {
        if (error instanceof Refused || attempt === ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT_MS * 4 ** (attempt - 1)));
      }
    }
  }
}

/** An answer as JSON; that of another server counts as empty. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** The server rejected the request, or is another; a retry would not help. */
class Refused extends Error {}
