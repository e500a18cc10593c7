/**
 * The few calls of MLflow's REST API that a tracker makes.
 *
 * @module
 */

const ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;
const TIMEOUT_MS = 10_000;

/** Parameters and metrics of one request. */
export interface LogBatch {
  readonly run_id: string;
  readonly metrics?: readonly { key: string; value: number; timestamp: number; step: number }[];
  readonly params?: readonly { key: string; value: string }[];
}

/** An MLflow tracking server. */
export class MlflowApi {
  /** @param server URL of the server, without a path. */
  constructor(readonly server: string) {}

  /** The id of an experiment, which is made when it is not there. */
  async experiment(name: string): Promise<string> {
    const found = await this.#call<{ experiment?: { experiment_id: string } }>(
      "GET",
      `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`,
      undefined,
      [404],
    );
    if (found.experiment) return found.experiment.experiment_id;
    const made = await this.#call<{ experiment_id: string }>("POST", "experiments/create", {
      name,
    });
    return made.experiment_id;
  }

  /** @param start_time Unix milliseconds. */
  async createRun(
    experiment_id: string,
    run_name: string,
    start_time: number,
    tags: Readonly<Record<string, string>>,
  ): Promise<string> {
    const { run } = await this.#call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {
      ...{ experiment_id, run_name, start_time },
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    });
    return run.info.run_id;
  }

  async logBatch(batch: LogBatch): Promise<void> {
    await this.#call("POST", "runs/log-batch", batch);
  }

  /** @param end_time Unix milliseconds. */
  async endRun(run_id: string, status: string, end_time: number): Promise<void> {
    await this.#call("POST", "runs/update", { run_id, status, end_time });
  }

  /**
   * Asks, again after a while where the server or the way to it fails.
   *
   * @param expected statuses beside 2xx whose answers count.
   * @throws {Error} with the server's own message.
   */
  async #call<T>(
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
        const answer = await response.json().catch(() => ({}));
        if (response.ok || expected.includes(response.status)) return answer;
        const message = `${this.server} answered ${response.status}: ${answer.message ?? path}`;
        if (response.status < 500 && response.status !== 429) throw new Refused(message);
        throw new Error(message);
      } catch (error) {
        if (error instanceof Refused || attempt === ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT_MS * 4 ** (attempt - 1)));
      }
    }
  }
}

/** The server understood and does not want it: asking again helps nothing. */
class Refused extends Error {}
