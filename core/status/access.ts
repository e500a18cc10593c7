/**
 * Who may ask the status server: the names it answers to, and the token.
 *
 * @module
 */
import { isIP } from "node:net";

/** What the server lets in. */
export interface Access {
  /** Values of the Host header, without the port, that it answers to. */
  readonly hosts: readonly string[];
  /** With one set, all but a few routes need it. */
  readonly token?: string;
}

/** The server as it is without any settings: for this machine, without a token. */
export const LOCAL_ACCESS: Access = { hosts: ["127.0.0.1", "localhost", "[::1]"] };

/** Environment variable with the token. */
export const TOKEN_VARIABLE = "CAUSEWAY_STATUS_TOKEN";

const MIN_TOKEN_LENGTH = 16;

/**
 * Decides what a server that listens at an address lets in.
 *
 * @param host address to listen at, or a name of this machine.
 * @param options.token from `takeToken`.
 * @param options.allow_hosts further names under which browsers reach the server, such as that of a proxy.
 * @throws {Error} where others could reach the server and there is no token.
 *
 * @example
 * ```ts
 * import { accessFor } from "./access.ts";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(accessFor("127.0.0.1").hosts, ["127.0.0.1", "localhost", "[::1]"]);
 * assert.throws(() => accessFor("0.0.0.0"), /give it a token/);
 * ```
 */
export function accessFor(
  host: string,
  { token, allow_hosts = [] }: { token?: string; allow_hosts?: readonly string[] } = {},
): Access {
  if (!isLoopback(host) && token === undefined) {
    throw new Error(
      `a server at ${host} can be reached from other machines: give it a token, by the variable ` +
        `${TOKEN_VARIABLE} or a file and --token-file, or leave out --host`,
    );
  }
  const own = isLoopback(host) ? [host] : [host, ...addressesOf(host), ...machineName()];
  const names = [...LOCAL_ACCESS.hosts, ...own.map(inHeader), ...allow_hosts.map(inHeader)];
  return { hosts: [...new Set(names.map((name) => name.toLowerCase()))], token };
}

/**
 * Reads the token, and takes it out of the environment, so that no program which a step starts inherits it.
 *
 * @param file path of a file that holds it; by default the environment variable counts.
 * @returns undefined where there is neither.
 * @throws {Error} when it is too short to keep anyone out, or could not be sent.
 */
export function takeToken(file?: string): string | undefined {
  const given = Deno.env.get(TOKEN_VARIABLE);
  if (given !== undefined) Deno.env.delete(TOKEN_VARIABLE);
  const [token, origin] = file === undefined
    ? [given, TOKEN_VARIABLE]
    : [Deno.readTextFileSync(file).trim(), file];
  if (token === undefined) return undefined;
  if (token.length < MIN_TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(token)) {
    throw new Error(
      `the token in ${origin} has to be ${MIN_TOKEN_LENGTH} or more letters, digits and signs ` +
        "without spaces; `openssl rand -hex 24` makes one",
    );
  }
  return token;
}

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** An IPv6 address stands in brackets in URLs and in the Host header. */
export function inHeader(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** The addresses that "all of them" means. They are no names that anyone could point elsewhere. */
function addressesOf(host: string): string[] {
  if (host !== "0.0.0.0" && host !== "::") return [];
  return mayAsk("networkInterfaces") ? Deno.networkInterfaces().map(({ address }) => address) : [];
}

function machineName(): string[] {
  return mayAsk("hostname") ? [Deno.hostname()] : [];
}

function mayAsk(kind: "hostname" | "networkInterfaces"): boolean {
  return Deno.permissions.querySync({ name: "sys", kind }).state === "granted";
}
