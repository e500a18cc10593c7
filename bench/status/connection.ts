/**
 * A connection that costs as little as can be: the client shares the processor with the training that is measured.
 *
 * @module
 */

/** What a request came back with. */
export interface Answer {
  readonly status: number;
  readonly bytes: number;
}

const HEAD_END = "\r\n\r\n";
const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** HTTP/1.1 with keep-alive, one request at a time. It reads answers that name their length or are chunked. */
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

  /** Reads to the chunk of length 0, which ends the body. */
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
