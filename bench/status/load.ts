/**
 * An open-loop load: requests are due at a constant rate, whether or not those before them were answered.
 *
 * @module
 */
import { Connection } from "./connection.ts";

/** A kind of request in the mix. */
export interface Route {
  readonly name: string;
  readonly path: string;
  readonly accept?: string;
  /** Of so many requests that the weights add up to. */
  readonly weight: number;
}

/** One answered request, in milliseconds from when it was due. */
export interface Timing {
  readonly route: string;
  readonly ms: number;
  readonly status: number;
}

/** Sends a mix of requests and keeps their times. */
export class Load {
  readonly timings: Timing[] = [];
  readonly #idle: Connection[] = [];
  readonly #order: readonly Route[];
  #sent = 0;

  constructor(private readonly url: URL, routes: readonly Route[], private readonly rate: number) {
    this.#order = interleave(routes);
  }

  /**
   * Loads the server. A request that could not be sent when it was due, for whatever reason, is timed from then, so
   * that a server or client that stands still is not left out of the account (coordinated omission).
   */
  async run(seconds: number): Promise<void> {
    const begin = performance.now();
    const pending: Promise<void>[] = [];
    const count = Math.round(seconds * this.rate);
    for (let i = 0; i < count; i++) {
      const due = begin + 1000 * i / this.rate;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      pending.push(this.#send(this.#order[this.#sent++ % this.#order.length], due));
    }
    await Promise.all(pending);
  }

  async #send({ name, path, accept }: Route, due: number): Promise<void> {
    const connection = this.#idle.pop() ?? await Connection.open(this.url);
    const { status } = await connection.request(path, accept);
    this.timings.push({ route: name, ms: performance.now() - due, status });
    this.#idle.push(connection);
  }

  close(): void {
    for (const connection of this.#idle) connection.close();
  }
}

/** Every route as often as its weight, spread evenly. */
function interleave(routes: readonly Route[]): Route[] {
  const places = routes.flatMap((route) => {
    return Array.from(
      { length: route.weight },
      (_, i) => ({ route, at: (i + 0.5) / route.weight }),
    );
  });
  return places.sort((a, b) => a.at - b.at).map(({ route }) => route);
}
