/**
 * Schemathesis (PyPI) reads the OpenAPI document of a live server and sends what it allows and what it does not: no
 * answer may be a server error, or anything else that the document does not have. Skipped unless
 * CAUSEWAY_SCHEMATHESIS is the path of its program.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { lockFolder } from "@causeway/core/runs";
import { accessFor, serveStatus } from "@causeway/core/status";
import { startEvents, writeLog, writeRun } from "../core/status/testdata/written_run.ts";
import { withFolder } from "./shared/commands.ts";

const PROGRAM = Deno.env.get("CAUSEWAY_SCHEMATHESIS");
const TOKEN = "a-token-of-the-test";
const SEED = 1;
/** Seconds for requests, and for all of it. */
const BUDGET = 45;
/** A body that is too large is refused before it is read, and so before it is known not to be valid. */
const SETTINGS = `[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
`;
const LIMIT = 110;

Deno.test({
  name: "no request that schemathesis can think of gets an answer that the document lacks",
  ignore: PROGRAM === undefined,
  fn: () =>
    withFolder(async (out) => {
      await writeRun(out);
      const id = "20260201T000000Z-live";
      writeLog(out, id, startEvents(id, 1000));
      const lock = await lockFolder(out);
      lock.setRun(id);
      const done = () => Promise.resolve();
      const control = { pause: done, resume: done, stop: done };
      const access = accessFor("127.0.0.1", { token: TOKEN });
      const server = await serveStatus({ out, port: 0, access, control });
      try {
        const options = {
          header: `Authorization: Bearer ${TOKEN}`,
          checks: "all",
          // Ids of events, and names of columns, are valid or not by what a run has.
          "exclude-checks": "positive_data_acceptance",
          "suppress-health-check": "all",
          "request-timeout": 5,
          "max-time": BUDGET,
          "max-examples": 10,
          seed: SEED,
          warnings: "off",
        };
        const settings = join(out, "schemathesis.toml");
        Deno.writeTextFileSync(settings, SETTINGS);
        const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
        const { success, stdout, stderr } = await new Deno.Command(PROGRAM!, {
          args: [`--config-file=${settings}`, "run", `${server.url}/openapi.json`, ...args],
          cwd: join(out, ".."), // it keeps examples where it runs
          env: { NO_COLOR: "1" },
          signal: AbortSignal.timeout(1000 * LIMIT),
        }).output();
        const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
        assert.ok(success, text.slice(-10_000));
        assert.ok(Number(/(\d+) generated/.exec(text)?.[1]) > 200, text.slice(-2000));
        assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
      } finally {
        await server.close();
        lock.unlock();
      }
    }),
});
