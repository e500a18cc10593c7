/**
 * Flags of the commands that serve the status of runs: where they listen, and whom they answer.
 *
 * @module
 */
import {
  type Access,
  accessFor,
  DEFAULT_HOST,
  DEFAULT_PORT,
  takeToken,
  TOKEN_VARIABLE,
} from "../../status/mod.ts";
import { parsePort } from "../shared/console.ts";

/** Flags that take a value. `allow-host` may be repeated. */
export const SERVER_FLAGS = ["host", "port", "token-file", "allow-host"] as const;

/** What help says of them. */
export const SERVER_HELP =
  `  --port N        port of the status server (default: ${DEFAULT_PORT}, or a free one)
  --host ADDR     address it listens at (default: ${DEFAULT_HOST}); another needs a token
  --token-file F  file with the token that clients have to send, at least 16 characters; or set
                  ${TOKEN_VARIABLE}. With a token runs can be paused and stopped there
  --allow-host N  a further name under which clients reach it; may be repeated`;

/** Where a server listens, and whom it answers. */
export interface ServerFlags {
  readonly host: string;
  /** Undefined: the default port, or any free one. */
  readonly port?: number;
  readonly token_file?: string;
  readonly allow_hosts: readonly string[];
}

/**
 * Reads the flags.
 *
 * @throws {UsageError} when the port is none.
 */
export function serverOf(
  flags: {
    host?: string;
    port?: string;
    "token-file"?: string;
    "allow-host": readonly string[];
  },
): ServerFlags {
  const { host = DEFAULT_HOST, port, "token-file": token_file, "allow-host": allow_hosts } = flags;
  return { host, port: port === undefined ? undefined : parsePort(port), token_file, allow_hosts };
}

/**
 * Whom a server answers, with the token from the file or the environment.
 *
 * @throws {Error} when the address needs a token and there is none, or it is too short.
 */
export function accessOf({ host, token_file, allow_hosts }: ServerFlags): Access {
  return accessFor(host, { token: takeToken(token_file), allow_hosts });
}
