import assert from "node:assert/strict";
import { type RunEvent, RunFolder } from "../../runs/mod.ts";
import { readArrow } from "../testdata/read_arrow.ts";
import { statusApp } from "../app.ts";
import { startEvents, withFolder, writeLog } from "../testdata/written_run.ts";

const ID = "20260131T154500Z-written";

interface Series {
  task: string;
  name: string;
  total_points: number;
  steps: number[];
  times: number[];
  values: (number | null)[];
}

/** Reports of two tasks: 3,000 points of "loss" each, and "rate" at every tenth. */
function writeReports(out: string): string {
  const reports = ["make", "use"].flatMap((step) =>
    Array.from({ length: 3000 }, (_, i): RunEvent => {
      const loss = i % 1000 === 500 ? null : 5 - i / 1000 + Math.sin(i);
      const metrics: Record<string, number | null> = i % 10 === 0
        ? { loss, 'rate, "x"': i / 3 }
        : { loss };
      return { time: i, type: "report", step, total: 3000, points: [[i + 1, 5000 + i, metrics]] };
    })
  );
  return writeLog(out, ID, [...startEvents(ID, 1000), ...reports]);
}

function withReports(use: (get: (query: string, accept?: string) => Promise<Response>) => unknown) {
  return withFolder(async (out) => {
    writeReports(out);
    const app = statusApp({ runs: new RunFolder(out), out });
    await use(async (query, accept = "*/*") => {
      const headers = { host: "127.0.0.1:7411", accept };
      return await app.request(`/runs/latest/metrics${query}`, { headers });
    });
  });
}

Deno.test("series are selected by task, metric and step", () =>
  withReports(async (get) => {
    const series = async (query: string): Promise<Series[]> =>
      (await (await get(query)).json()).series;
    const told = async (query: string) => {
      return (await series(query)).map(({ task, name, total_points, steps }) => {
        return [task, name, total_points, steps[0], steps.at(-1)];
      });
    };
    const rate = 'rate, "x"';
    assert.deepEqual(await told(""), [
      ["make", "loss", 3000, 1, 3000],
      ["make", rate, 300, 1, 2991],
      ["use", "loss", 3000, 1, 3000],
      ["use", rate, 300, 1, 2991],
    ]);
    assert.deepEqual(await told("?task=use&name=loss&from=10&to=20"), [[
      "use",
      "loss",
      11,
      10,
      20,
    ]]);
    assert.equal((await told(`?name=loss&name=${encodeURIComponent(rate)}&task=make`)).length, 2);
    assert.deepEqual(await told("?name=none"), []);
    assert.deepEqual(await told("?from=4000"), []);
    const [all] = await series("?task=make&name=loss&points=0");
    assert.equal(all.values.length, 3000);
    assert.deepEqual([all.values[500], all.times[500], all.steps[500]], [null, 5500, 501]);
    const [few] = await series("?task=make&name=loss&points=100");
    assert.ok(few.steps.length <= 100 && few.steps.length > 90);
    const numbers = all.values.filter((value) => value !== null);
    for (const extreme of [Math.max(...numbers), Math.min(...numbers)]) {
      assert.ok(few.values.includes(extreme));
    }
    const [usual] = await series("?task=make&name=loss");
    assert.ok(usual.steps.length <= 1000 && usual.steps.length > 900);
  }));

Deno.test("CSV and Arrow have the same points as JSON", () =>
  withReports(async (get) => {
    for (const query of ["", "?points=0&task=use", "?name=none"]) {
      const { series }: { series: Series[] } = await (await get(query)).json();
      const rows = series.flatMap(({ task, name, steps, times, values }) => {
        return steps.map((step, i) => [task, name, step, times[i], values[i]]);
      });
      const csv = await get(query, "text/csv");
      assert.equal(csv.headers.get("content-type"), "text/csv; charset=utf-8");
      const quote = (cell: unknown) => {
        return typeof cell === "string" && cell.includes(",")
          ? `"${cell.replaceAll('"', '""')}"`
          : cell ?? "";
      };
      const lines = [
        "task,name,step,time,value",
        ...rows.map((row) => row.map(quote).join(",")),
      ];
      assert.equal(await csv.text(), lines.map((line) => line + "\r\n").join(""));
      const arrow = await get(query, "application/vnd.apache.arrow.stream");
      const table = await readArrow(new Uint8Array(await arrow.arrayBuffer()));
      const names = ["task", "name", "step", "time", "value"];
      assert.deepEqual(table.names, rows.length > 0 ? names : []);
      assert.deepEqual(table.rows, rows);
    }
  }));

Deno.test("new points are in the next answer", () =>
  withFolder(async (out) => {
    const path = writeReports(out);
    const app = statusApp({ runs: new RunFolder(out, { log_ms: 0, folder_ms: 0 }), out });
    const url = "/runs/latest/metrics?task=use&name=loss&points=0";
    const get = async (etag = "") => {
      const headers = { host: "localhost", "if-none-match": etag };
      const response = await app.request(url, { headers });
      return { status: response.status, etag: response.headers.get("etag")!, response };
    };
    const first = await get();
    assert.equal((await get(first.etag)).status, 304);
    const event = { time: 9000, type: "report", step: "use", points: [[3001, 9000, { loss: 7 }]] };
    Deno.writeTextFileSync(path, JSON.stringify(event) + "\n", { append: true });
    const second = await get(first.etag);
    assert.equal(second.status, 200);
    const [series] = (await second.response.json()).series;
    assert.deepEqual([series.total_points, series.values.at(-1)], [3001, 7]);
    assert.equal((await (await get()).response.json()).series[0].total_points, 3001);
  }));
