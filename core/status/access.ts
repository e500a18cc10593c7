/**
 * Who may use the status server: the host names it answers to, and the token.
 *
 * @module
 */
import { isIP } from "node:net";

/** Which requests the server accepts. */
export interface Access {
  /** Accepted values of the Host header, without the port. */
  readonly hosts: readonly string[];
  /** If set, all but a few routes need it. */
  readonly token?: string;
}

/** The default: this machine only, without a token. */
export const LOCAL_ACCESS: Access = { hosts: ["127.0.0.1", "localhost", "[::1]"] };

/** Environment variable with the token. */
export const TOKEN_VARIABLE = "CAUSEWAY_STATUS_TOKEN";

const MIN_TOKEN_LENGTH = 16;

/**
 * Which requests a server that listens on an address accepts.
 *
 * @param host address to listen on, or a name of this machine.
 * @param options.token from `takeToken`.
 * @param options.allow_hosts other names under which browsers reach the server, such as that of a proxy.
 * @throws {Error} if other machines could reach the server and there is no token.
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
      `a server on ${host} can be reached from other machines: give it a token with the variable ` +
        `${TOKEN_VARIABLE} or with --token-file, or omit --host`,
    );
  }
  const own = isLoopback(host) ? [host] : [host, ...addressesOf(host), ...machineName()];
  const names = [...LOCAL_ACCESS.hosts, ...own.map(inHeader), ...allow_hosts.map(inHeader)];
  return { hosts: [...new Set(names.map((name) => name.toLowerCase()))], token };
}

/**
 * Reads the token, and removes it from the environment, so that programs that a stage starts do not inherit it.
 *
 * @param file path of a file with the token; by default the environment variable is read.
 * @returns undefined if there is no token.
 * @throws {Error} if it is too short to be safe, or has characters that a header cannot carry.
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
      `the token in ${origin} must be at least ${MIN_TOKEN_LENGTH} ASCII characters without spaces; ` +
        "`openssl rand -hex 24` generates one",
    );
  }
  return token;
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** The host as in URLs and the Host header, where an IPv6 address is in brackets. */
export function inHeader(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** The addresses that a wildcard address stands for. Nobody can point an address elsewhere, unlike a name. */
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
