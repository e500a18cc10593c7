import assert from "node:assert/strict";
import { join } from "node:path";
import { has_s3, type S3Server, withS3 } from "../../../tests/shared/s3_server.ts";
import { sha256 } from "../../store/mod.ts";
import { openStorage } from "./open.ts";
import { s3Storage } from "./s3.ts";
import { folderStorage, type Storage, StorageError } from "./storage.ts";
import { withFolder } from "../../../tests/shared/commands.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);

/** What every storage must do. */
async function storageConformance(t: Deno.TestContext, storage: Storage) {
  const upload = async (folder: string, name: string, content: Uint8Array<ArrayBuffer>) => {
    const path = join(folder, "upload");
    await Deno.writeFile(path, content);
    await storage.upload(name, path, sha256(content));
  };

  await t.step("a missing object is undefined", () =>
    withFolder(async (folder) => {
      assert.equal(await storage.read("a/none"), undefined);
      assert.equal(await storage.has("a/none"), false);
      assert.equal(await storage.download("a/none", join(folder, "x")), false);
    }));

  await t.step("what was created is read back, and never replaced", async () => {
    assert.equal(await storage.create("a/one.json", encode("first")), true);
    assert.equal(await storage.create("a/one.json", encode("second")), false);
    assert.equal(decode(await storage.read("a/one.json")), "first");
    assert.equal(await storage.has("a/one.json"), true);
  });

  await t.step("of several concurrent writers, one succeeds", async () => {
    const tries = Array.from({ length: 8 }, (_, i) => storage.create("a/race", encode(`${i}`)));
    const won = (await Promise.all(tries)).flatMap((is_first, i) => is_first ? [i] : []);
    assert.equal(won.length, 1);
    assert.equal(decode(await storage.read("a/race")), `${won[0]}`);
  });

  await t.step(
    "files go up and come down, empty ones and large ones",
    () =>
      withFolder(async (folder) => {
        for (const bytes of [0, 1, 100, 13 * 2 ** 20 + 5]) {
          const content = new Uint8Array(bytes).map((_, i) => (i * 7919) >> 3);
          await upload(folder, `files/${bytes}`, content);
          const path = join(folder, `${bytes}`);
          assert.equal(await storage.download(`files/${bytes}`, path), true);
          assert.equal(sha256(await Deno.readFile(path)), sha256(content));
        }
      }),
  );

  await t.step("an upload replaces", () =>
    withFolder(async (folder) => {
      await upload(folder, "again", encode("old"));
      await upload(folder, "again", encode("new"));
      assert.equal(decode(await storage.read("again")), "new");
    }));
}

Deno.test("a folder is storage", (t) =>
  withFolder(async (folder) => {
    await storageConformance(t, folderStorage(join(folder, "deep/er")));
    const left = [...Deno.readDirSync(join(folder, "deep/er/files"))].map(({ name }) => name);
    assert.equal(left.filter((name) => name.endsWith(".tmp")).length, 0);
  }));

const S3 = { ignore: !has_s3 };
const named = (text: string) => has_s3 ? text : `${text} (not here: needs moto, from PyPI)`;

function clientOf({ endpoint }: S3Server, logged: string[] = [], part_bytes = 5 * 2 ** 20) {
  return s3Storage("s3://bucket/some/prefix", {
    ...{ bucket: "bucket", prefix: "some/prefix/", endpoint, region: "us-east-1", part_bytes },
    ...{ access_key_id: "key", secret_access_key: "secret", stall_ms: 1000 },
    ...{ retries: 3, pause_ms: 10, log: (message: string) => logged.push(message) },
  });
}

Deno.test({
  ...S3,
  name: named("a bucket is storage"),
  fn: (t) => withS3((server) => storageConformance(t, clientOf(server))),
});

Deno.test({
  ...S3,
  name: named("a bucket behind a bad network"),
  fn: (t) =>
    withS3((server) =>
      withFolder(async (folder) => {
        const logged: string[] = [];
        const storage = clientOf(server, logged);
        const content = new Uint8Array(3_000_000).map((_, i) => (i * 31) >> 2);
        const source = join(folder, "source"), target = join(folder, "target");
        await Deno.writeFile(source, content);
        /** Goes wrong for the first `times` requests of a method. */
        const failing = (
          method: string,
          times: number,
          how: () => ReturnType<S3Server["fault"]>,
        ) => {
          logged.length = 0;
          let count = 0;
          server.fault = (request) =>
            request.method === method && count++ < times ? how() : undefined;
        };
        const answer = (status: number, headers = {}) => () =>
          new Response("", { status, headers });

        await t.step("answers of a busy server are waited for", async () => {
          failing("PUT", 2, answer(503));
          await storage.upload("busy", source, sha256(content));
          assert.equal(logged.length, 2);
          failing("GET", 1, answer(429, { "retry-after": "0" }));
          assert.equal((await storage.read("busy"))!.length, content.length);
          failing("PUT", 1, answer(409));
          assert.equal(await storage.create("conflict", encode("x")), true);
        });

        await t.step("a write whose answer was lost is found to be there", async () => {
          failing("PUT", 1, () => "lose");
          assert.equal(await storage.create("lost", encode("ours")), false);
          assert.equal(decode(await storage.read("lost")), "ours");
        });

        await t.step("a download continues where the connection was cut", async () => {
          failing("GET", 3, () => "cut");
          assert.equal(await storage.download("busy", target), true);
          assert.deepEqual(await Deno.readFile(target), content);
          assert.match(logged.join("\n"), /reading busy: .*; trying again/);
          assert.ok(server.requests.filter((line) => line.includes("busy")).length > 3);
        });

        await t.step("a file that is there already is not fetched again", async () => {
          server.fault = () => undefined;
          assert.equal(await storage.download("busy", target), true);
          await Deno.writeFile(target, new Uint8Array(content.length + 1));
          assert.equal(await storage.download("busy", target), true);
          assert.deepEqual(await Deno.readFile(target), content);
        });

        await t.step("a stalled connection is given up", async () => {
          failing("GET", 1, () =>
            new Promise<Response>((resolve) => {
              setTimeout(() => resolve(new Response("late")), 2000);
            }));
          await Deno.remove(target);
          assert.equal(await storage.download("busy", target), true);
          assert.deepEqual(await Deno.readFile(target), content);
        });

        await t.step("retries end", async () => {
          failing("GET", Infinity, answer(500));
          await assert.rejects(storage.read("busy"), (error: Error) => {
            assert.ok(error instanceof StorageError);
            assert.match(
              error.message,
              /^reading busy failed 4 times in a row, last error: the server answered 500/,
            );
            return true;
          });
        });

        await t.step("permanent errors are thrown at once", async () => {
          const denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
          failing("GET", Infinity, () => new Response(denied, { status: 403 }));
          await assert.rejects(storage.read("busy"), /403, AccessDenied.*needs s3:GetObject and/);
          assert.equal(logged.length, 0);
        });

        await t.step("an upload in parts that fails leaves none behind", async () => {
          const big = join(folder, "big");
          await Deno.writeFile(big, new Uint8Array(11 * 2 ** 20));
          server.fault = (request) =>
            request.url.includes("partNumber=2") ? new Response("", { status: 403 }) : undefined;
          await assert.rejects(storage.upload("big", big, sha256(await Deno.readFile(big))), /403/);
          assert.match(server.requests.at(-1)!, /^DELETE .*uploadId=/);
          server.fault = () => undefined;
          assert.equal(await storage.has("big"), false);
        });

        await t.step("a missing bucket is not an empty bucket", async () => {
          const wrong = s3Storage("s3://nowhere", {
            ...{ bucket: "nowhere", prefix: "", endpoint: server.endpoint, region: "us-east-1" },
            ...{ access_key_id: "key", secret_access_key: "secret", stall_ms: 1000 },
            ...{ retries: 0, pause_ms: 1, part_bytes: 5 * 2 ** 20, log: () => {} },
          });
          await assert.rejects(
            wrong.read("a"),
            /there is no bucket nowhere; create it, or correct --remote/,
          );
        });
      })
    ),
});

Deno.test("of an answer that never ends, no more is read than the object has", () =>
  withFolder(async (folder) => {
    let status = 200;
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      const pull = (to: ReadableStreamDefaultController) => to.enqueue(new Uint8Array(1 << 16));
      return new Response(new ReadableStream({ pull }), { status });
    });
    const storage = s3Storage("s3://bucket", {
      ...{ bucket: "bucket", prefix: "", endpoint: `http://127.0.0.1:${server.addr.port}` },
      ...{ region: "r", access_key_id: "key", secret_access_key: "secret", stall_ms: 60_000 },
      ...{ retries: 0, pause_ms: 1, part_bytes: 5 * 2 ** 20, log: () => {} },
    });
    const path = join(folder, "x");
    assert.equal(await storage.download("x", path, 1e6), true);
    assert.ok(Deno.statSync(path).size < 3e6);
    assert.equal((await storage.read("x"))!.length, 2 ** 26);
    status = 404;
    assert.equal(await storage.read("x"), undefined);
    status = 403;
    await assert.rejects(storage.read("x"), /the server answered 403/);
    await server.shutdown();
  }));

Deno.test("URLs of storage, and what is missing to use them", () => {
  const env = (variables: Record<string, string>) => (name: string) => variables[name];
  const open = (url: string, variables = {}) => openStorage(url, undefined, env(variables));
  assert.equal(open("some/folder").url, "some/folder");
  assert.equal(open("file:///tmp/x").url, "file:///tmp/x");
  assert.throws(() => open("gs://bucket"), /invalid storage "gs:\/\/bucket"; use s3:/);
  assert.throws(() => open("s3://"), /"s3:\/\/" has no valid bucket name/);
  assert.throws(() => open("s3://bucket"), /s3:\/\/bucket needs AWS_ACCESS_KEY_ID; with the AWS/);
  const keys = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };
  assert.equal(open("s3://bucket/x/", keys).url, "s3://bucket/x/");
  assert.throws(
    () => open("s3://bucket", { ...keys, AWS_ENDPOINT_URL: "minio:9000" }),
    /AWS_ENDPOINT_URL "minio:9000" is not an http URL/,
  );
});
