/**
 * A process as it trains: the status server beside work that opens files all the time, with every handle in use that
 * the server does not claim. Prints its port, then, when its input ends, how often a file could not be opened.
 *
 *     deno run -A crowded_server.ts OUT LIMIT
 */
import { MAX_HANDLES } from "../connections.ts";
import { serveStatus } from "../mod.ts";

const [out, limit] = Deno.args;
const server = await serveStatus({ out, port: 0 });
await (await fetch(`${server.url}/status`)).text(); // loads what the server loads later
const in_use = () => [...Deno.readDirSync("/proc/self/fd")].length;
const open = () => Deno.openSync("/dev/null");
const held: Deno.FsFile[] = [];
// One is for the file that is opened below, the other for the listing of handles.
while (in_use() + MAX_HANDLES + 2 < Number(limit)) held.push(open());

const result = { opened: 0, failed: "" };
const work = setInterval(() => {
  try {
    for (let i = 0; i < 20; i++, result.opened++) open().close();
  } catch (error) {
    result.failed = String(error);
  }
}, 1);
console.log(server.port);
for await (const _ of Deno.stdin.readable);
clearInterval(work);
console.log(JSON.stringify({ ...result, held: held.length }));
Deno.exit();
