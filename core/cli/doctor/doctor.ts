/**
 * `deno task doctor`: what this machine can do, and what to install for what it cannot.
 *
 * @module
 */
import { existsSync, statfsSync, statSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { type ComputeNeeds, computeProblem } from "../../engine/mod.ts";
import { mpiVersion } from "../../remote/mpi/mod.ts";
import { DEFAULT_HOST, DEFAULT_PORT } from "../../status/mod.ts";
import { formatBytes } from "../../words/mod.ts";
import { style } from "../shared/console.ts";
import { defineCommand, mainOf } from "../shared/command.ts";
import { DATA_ROOT_VARIABLE, isFolder, OUT_FLAG } from "../shared/inputs.ts";

export const command = defineCommand({
  name: "doctor",
  summary: "Checks what this machine can do, and says what to install for the rest",
  flags: { ...OUT_FLAG },
  examples: ["deno task doctor"],
  notes: "Exit code 1 if something that every recipe needs is missing. The rest is optional.",
});

/** "ok", "missing" (every recipe needs it), or "-": only some recipes need it. */
type Verdict = "ok" | "missing" | "-";
type Finding = readonly [what: string, verdict: Verdict, detail: string];

/** Runs the command; returns the exit code. */
export const main = mainOf(command, async ({ flags: { out } }, io) => {
  const findings = [
    deno(),
    ...machine(out),
    await compute("training on the CPU", { device: "cpu" }, "missing"),
    await compute("bfloat16 on the CPU", { device: "cpu", precision: "bfloat16" }),
    await compute("training on WebGPU", { device: "webgpu" }),
    await compute("training on CUDA", { device: "cuda" }),
    mpi(),
    slurm(),
    port(),
    dataRoot(),
  ];
  const color = io.terminal.color;
  const rows = findings.map(([what, verdict, detail]) => {
    const tone = verdict === "ok" ? "green" : verdict === "missing" ? "red" : "dim";
    return [style(verdict.padEnd(7), tone, color), what, detail];
  });
  const width = Math.max(...findings.map(([what]) => what.length));
  io.out(
    rows.map(([mark, what, detail]) => `${mark}  ${what.padEnd(width)}  ${detail}`).join("\n"),
  );
  return findings.some(([, verdict]) => verdict === "missing") ? 1 : 0;
});

/** The version that the project is tested with. */
const DENO = "2.9.6";

function deno(): Finding {
  const { deno } = Deno.version;
  const same = deno === DENO;
  return [
    "Deno",
    "ok",
    same ? deno : `${deno}; tested with ${DENO}, which "npx -y deno@${DENO}" runs`,
  ];
}

function machine(out: string): Finding[] {
  const processor = `${
    cpus()[0]?.model.trim() ?? "unknown"
  }, ${navigator.hardwareConcurrency} cores`;
  const { bavail, bsize } = statfsSync(nearest(resolve(out)));
  return [
    ["processor", "ok", processor],
    ["memory", "ok", `${formatBytes(freemem())} free of ${formatBytes(totalmem())}`],
    ["disk", "ok", `${formatBytes(bavail * bsize)} free for ${out}`],
  ];
}

/** The folder itself, or the one it would be made in. */
const nearest = (path: string): string => existsSync(path) ? path : nearest(dirname(path));

async function compute(
  what: string,
  needs: Partial<ComputeNeeds> & Pick<ComputeNeeds, "device">,
  otherwise: Verdict = "-",
): Promise<Finding> {
  const problem = await computeProblem({
    precision: "float32",
    kernels: needs.precision === "bfloat16" ? "onednn" : "onnxruntime",
    ...needs,
  });
  return [what, problem === undefined ? "ok" : otherwise, problem ?? "computed a product"];
}

function mpi(): Finding {
  try {
    return ["MPI (mpirun -n N)", "ok", mpiVersion((name) => Deno.env.get(name))];
  } catch (error) {
    return ["MPI (mpirun -n N)", "-", (error as Error).message];
  }
}

function slurm(): Finding {
  const folders = (Deno.env.get("PATH") ?? "").split(delimiter);
  const found = folders.map((folder) => join(folder, "sbatch")).find((path) =>
    statSync(path, { throwIfNoEntry: false })?.isFile()
  );
  return ["Slurm (--launcher slurm)", found ? "ok" : "-", found ?? "no sbatch in PATH"];
}

function port(): Finding {
  const what = `port ${DEFAULT_PORT} of the dashboard`;
  try {
    Deno.listen({ hostname: DEFAULT_HOST, port: DEFAULT_PORT }).close();
    return [what, "ok", "free"];
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return [
      what,
      "-",
      "taken, by another run perhaps; a free port is used instead, or that of --port",
    ];
  }
}

function dataRoot(): Finding {
  const folder = Deno.env.get(DATA_ROOT_VARIABLE);
  const what = "data root";
  if (folder === undefined) return [what, "-", "not set; datasets come from packages and the hub"];
  return isFolder(folder) ? [what, "ok", folder] : [what, "-", `${folder} is not a folder`];
}

if (import.meta.main) Deno.exit(await main(Deno.args));
