/**
 * An open-loop load: requests are due at a constant rate, whether or not earlier ones were answered.
 *
 * @module
 */

/** A kind of request in the mix. */
export interface Route {
  readonly name: string;
  readonly path: string;
  readonly accept?: string;
  /** Relative number of requests. */
  readonly weight: number;
}

/** An answered request; milliseconds from when it was due. */
export interface Timing {
  readonly route: string;
  readonly ms: number;
  readonly status: number;
}

/** Sends a mix of requests and records their times. */
export class Load {
  readonly timings: Timing[] = [];
  /** Requests that were sent again, because the server closed the connection. */
  repeated = 0;
  readonly #idle: Connection[] = [];
  readonly #order: readonly Route[];
  #sent = 0;

  constructor(private readonly url: URL, routes: readonly Route[], private readonly rate: number) {
    this.#order = interleave(routes);
  }

  /**
   * Loads the server. A request that is sent late is timed from when it was due, so that a stalled server or client
   * counts (coordinated omission).
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
    for (;;) {
      const connection = this.#idle.pop() ?? await Connection.open(this.url);
      try {
        const { status } = await connection.request(path, accept);
        this.timings.push({ route: name, ms: performance.now() - due, status });
        this.#idle.push(connection);
        return;
      } catch {
        // A server may close an idle connection at any time; clients send such requests again (RFC 9112, 9.3.1).
        connection.close();
        if (++this.repeated > this.#sent) throw new Error("the server closes every connection");
      }
    }
  }

  /** Closes the connections; the next request opens new ones. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close();
  }
}

/** Each route as often as its weight, evenly spread. */
function interleave(routes: readonly Route[]): Route[] {
  const places = routes.flatMap((route) => {
    return Array.from(
      { length: route.weight },
      (_, i) => ({ route, at: (i + 0.5) / route.weight }),
    );
  });
  return places.sort((a, b) => a.at - b.at).map(({ route }) => route);
}

export interface Answer {
  readonly status: number;
  readonly bytes: number;
}

const HEAD_END = "\r\n\r\n";
const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/**
 * HTTP/1.1 with keep-alive, one request at a time, for answers with a content length or chunks. Cheaper than fetch: the
 * client shares the processor with the training that is measured.
 */
export class Connection {
  readonly #bytes = new Uint8Array(1 << 16);

  private constructor(private readonly tcp: Deno.TcpConn, private readonly host: string) {}

  static async open(url: URL): Promise<Connection> {
    const tcp = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
    tcp.setNoDelay(true);
    return new Connection(tcp, url.host);
  }

  async request(path: string, accept = "application/json"): Promise<Answer> {
    const head = `GET ${path} HTTP/1.1\r\nHost: ${this.host}\r\nAccept: ${accept}${HEAD_END}`;
    await this.tcp.write(encoder.encode(head));
    let text = "";
    while (!text.includes(HEAD_END)) text += await this.#read();
    const end = text.indexOf(HEAD_END) + HEAD_END.length;
    const status = Number(text.slice(9, 12));
    const length = /^content-length: (\d+)\r$/im.exec(text.slice(0, end))?.[1];
    if (length === undefined) return { status, bytes: await this.#readChunks(text.slice(end)) };
    let bytes = text.length - end;
    while (bytes < Number(length)) bytes += (await this.#read()).length;
    return { status, bytes };
  }

  /** Reads up to the chunk of length 0, which ends the body. */
  async #readChunks(begun: string): Promise<number> {
    let text = begun;
    while (!text.endsWith("0\r\n\r\n")) text += await this.#read();
    return text.length;
  }

  async #read(): Promise<string> {
    const count = await this.tcp.read(this.#bytes);
    if (count === null) throw new Error("the server closed the connection");
    return decoder.decode(this.#bytes.subarray(0, count));
  }

  close(): void {
    this.tcp.close();
  }
}
