/**
 * `deno task serve`: the status server, for runs that are over or that another process runs.
 *
 * @module
 */
import {
  type Access,
  accessFor,
  DEFAULT_HOST,
  DEFAULT_PORT,
  serveStatus,
  takeToken,
  TOKEN_VARIABLE,
} from "../../status/mod.ts";
import { onStopSignal } from "../run/stop.ts";
import { UsageError } from "../shared/console.ts";
import { isFolder, OUT_FLAG } from "../shared/inputs.ts";
import { defineCommand, type Flags, mainOf, type Values, whole } from "../shared/command.ts";

/** Where a server listens, and which clients it answers. */
export const SERVER_FLAGS = {
  port: {
    value: "N",
    help: `port of the status server (default: ${DEFAULT_PORT}, or a free one); 0: any free one`,
    ...whole(0, 65535),
  },
  host: {
    value: "ADDR",
    default: DEFAULT_HOST,
    help: "address to listen on; any other needs a token",
  },
  token_file: {
    value: "FILE",
    help: `file with the token that clients must send, at least 16 characters; or set ` +
      `${TOKEN_VARIABLE}. With a token, runs can be paused and stopped over HTTP`,
  },
  allow_host: { value: "NAME", many: true, help: "another host name that clients may use" },
} as const satisfies Flags;

/**
 * Which clients a server answers, with the token from the file or the environment.
 *
 * @throws {Error} when the address needs a token and there is none, or it is too short.
 */
export function accessOf(flags: Values<typeof SERVER_FLAGS>): Access {
  const { host, token_file, allow_host: allow_hosts } = flags;
  return accessFor(host, { token: takeToken(token_file), allow_hosts });
}

export const command = defineCommand({
  name: "serve",
  summary: "Serves the dashboard and the status API of runs",
  flags: { ...OUT_FLAG, ...SERVER_FLAGS },
  examples: ["deno task serve --out out"],
  notes: "/ is the dashboard; GET /openapi.json lists the routes. Ctrl-C ends the server.",
});

/** Runs the command until it is interrupted; returns the exit code. */
export const main = mainOf(command, async ({ flags }, io) => {
  const { out, host, port } = flags;
  if (!isFolder(out)) {
    throw new UsageError(
      `there is no folder ${out}; run a pipeline first, or name the folder with --out`,
    );
  }
  const onFailure = (message: string) => io.err(`Error: ${message}`);
  const server = await serveStatus({ out, host, port, access: accessOf(flags), onFailure });
  io.err(`Dashboard of ${out}: ${server.url}/ (Ctrl-C ends it)`);
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = onStopSignal({ first: resolve });
  await promise;
  stop.dispose();
  await server.close();
});

if (import.meta.main) Deno.exit(await main(Deno.args));
