/**
 * A Slurm cluster of one node for tests: Debian's slurmctld, slurmd and munge, started in a temporary folder.
 *
 * @module
 */
import { join } from "node:path";

/** A running cluster. */
export interface Slurm {
  readonly name: "slurm";
  /** Environment variables for Slurm's commands. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs one of Slurm's commands. @returns its output. */
  call(command: string, ...args: string[]): Promise<string>;
  /** Stops the controller and starts it again. */
  restartController(while_down: () => Promise<void>): Promise<void>;
}

const NEEDED = ["slurmctld", "slurmd", "sbatch", "squeue", "scancel", "munged"];

/** Why a cluster cannot be started here; undefined if it can. */
export const no_slurm = await (async () => {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "needs root on Linux";
  const paths = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin"];
  for (const name of NEEDED) {
    const found = await Promise.all(paths.map((path) => exists(join(path, name))));
    if (!found.includes(true)) return `${name} is not installed`;
  }
})();

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Starts a cluster, then stops all of it. */
export async function withSlurm(use: (slurm: Slurm) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "slurm" });
  const env = { SLURM_CONF: join(folder, "slurm.conf"), PATH: `${Deno.env.get("PATH")}:/usr/sbin` };
  const daemons: Deno.ChildProcess[] = [];
  const start = (command: string, ...args: string[]) => {
    const daemon = new Deno.Command(command, { args, env, stdout: "null", stderr: "null" }).spawn();
    daemons.push(daemon);
    return daemon;
  };
  const end = async (daemon: Deno.ChildProcess, signal: Deno.Signal) => {
    try {
      daemon.kill(signal);
    } catch {
      // it has already ended
    }
    await daemon.status;
  };
  try {
    for (const name of ["state", "spool"]) await Deno.mkdir(join(folder, name));
    const key = crypto.getRandomValues(new Uint8Array(128));
    await Deno.writeFile(join(folder, "munge.key"), key, { mode: 0o400 });
    await Deno.writeTextFile(env.SLURM_CONF, configuration(folder));
    start("munged", "--foreground", "--force", ...mungeFiles(folder));
    await until(() => exists(join(folder, "munge.socket")));
    let controller = start("slurmctld", "-D");
    start("slurmd", "-D");
    const slurm: Slurm = {
      name: "slurm",
      env,
      async call(command, ...args) {
        const { stdout, stderr, code } = await new Deno.Command(command, { args, env }).output();
        if (code !== 0) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
        return new TextDecoder().decode(stdout);
      },
      async restartController(while_down) {
        await end(controller, "SIGTERM");
        await while_down();
        controller = start("slurmctld", "-D");
      },
    };
    await until(async () => /\bidle\b/.test(await slurm.call("sinfo").catch(() => "")));
    await use(slurm);
  } finally {
    await new Deno.Command("scancel", { args: ["--me"], env }).output().catch(() => {});
    for (const daemon of daemons.reverse()) await end(daemon, "SIGKILL");
    await Deno.remove(folder, { recursive: true });
  }
}

/** Waits until a condition holds, and fails after two minutes. */
export async function until(
  is_there: () => Promise<boolean> | boolean,
  what = "something",
): Promise<void> {
  for (const end = performance.now() + 120_000; performance.now() < end;) {
    if (await is_there()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`timeout waiting for ${what}`);
}

const mungeFiles = (folder: string) => [
  `--key-file=${join(folder, "munge.key")}`,
  `--socket=${join(folder, "munge.socket")}`,
  `--pid-file=${join(folder, "munge.pid")}`,
  `--log-file=${join(folder, "munge.log")}`,
  `--seed-file=${join(folder, "munge.seed")}`,
];

const hostName = () => Deno.hostname().split(".")[0];

/** Four cores on any machine; a requeued job waits for seconds instead of two minutes. */
function configuration(folder: string): string {
  const host = hostName();
  const [ctld_port, slurmd_port] = freePorts();
  return `ClusterName=causeway
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${ctld_port}
SlurmdPort=${slurmd_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=${join(folder, "munge.socket")},cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
JobRequeue=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
StateSaveLocation=${join(folder, "state")}
SlurmdSpoolDir=${join(folder, "spool")}
SlurmctldPidFile=${join(folder, "slurmctld.pid")}
SlurmdPidFile=${join(folder, "slurmd.pid")}
SlurmctldLogFile=${join(folder, "slurmctld.log")}
SlurmdLogFile=${join(folder, "slurmd.log")}
NodeName=${host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`;
}

function freePorts(): [number, number] {
  const listeners = [0, 0].map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  listeners.forEach((listener) => listener.close());
  return ports as [number, number];
}
