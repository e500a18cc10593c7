/**
 * MPI for tests: processes on this machine, or on two network namespaces that act as two hosts, joined by a virtual
 * cable over which they communicate by TCP.
 *
 * @module
 */
import { join } from "node:path";
import { ENVIRONMENT, LAUNCHERS, mpirun } from "../../bench/scaling/mpirun.ts";

export { LAUNCHERS, mpirun };

const MPIRUN = "mpirun.openmpi";
const NETWORK = "10.77.0.0/24";

/** Open MPI checks for the other host after 10 s of silence; by default after five minutes. */
const KEEPALIVE = {
  OMPI_MCA_oob_tcp_keepalive_time: "10",
  OMPI_MCA_oob_tcp_keepalive_intvl: "2",
  OMPI_MCA_oob_tcp_keepalive_probes: "3",
};

/** Hosts of a test. */
export interface TwoHosts {
  /** Runs a module under mpirun from the first host, with one process on each. */
  mpirun(module: URL, args: readonly string[]): Promise<{ code: number; out: string; err: string }>;
  /** Number of bytes that the second host has received. */
  received(): Promise<number>;
  /** Pulls the cable. */
  cut(): Promise<void>;
}

async function ip(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("ip", { args }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code !== 0) throw new Error(`ip ${args.join(" ")}: ${decode(stderr)}`);
  return decode(stdout);
}

/** Why the hosts cannot be made here; undefined if they can. */
export const no_hosts = await (async () => {
  if (!LAUNCHERS.includes(MPIRUN)) return "needs Open MPI";
  const name = `probe${Deno.pid}`;
  try {
    await ip("netns", "add", name);
    await ip("netns", "del", name);
  } catch (error) {
    const is_absent = error instanceof Deno.errors.NotFound;
    return is_absent ? "needs iproute2" : "no permission to make network namespaces";
  }
})();

/** Makes two hosts, then removes them. */
export async function withTwoHosts(use: (hosts: TwoHosts) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const hosts = ["a", "b"].map((end, i) => ({
    name: `cw${Deno.pid}${end}`,
    device: `cw${end}${Deno.pid % 1e6}`,
    address: `10.77.0.${i + 1}`,
  }));
  const [first, second] = hosts;
  try {
    for (const { name } of hosts) await ip("netns", "add", name);
    await ip(
      ...["link", "add", first.device, "netns", first.name, "type", "veth"],
      ...["peer", "name", second.device, "netns", second.name],
    );
    for (const { name, device, address } of hosts) {
      await ip("-n", name, "addr", "add", `${address}/24`, "dev", device);
      await ip("-n", name, "link", "set", "lo", "up");
      await ip("-n", name, "link", "set", device, "up");
    }
    // Replaces ssh: mpirun calls it with a host and a command.
    const agent = join(folder, "agent");
    await Deno.writeTextFile(agent, `#!/bin/sh\nshift\nexec ${enter(second.name)} "$*"\n`);
    await Deno.chmod(agent, 0o755);
    await use({
      async mpirun(module, args) {
        const command = [
          ...[MPIRUN, "--host", hosts.map(({ address }) => `${address}:1`).join(",")],
          ...["-n", "2", "--mca", "plm_rsh_agent", agent, "--mca", "btl", "tcp,self"],
          ...["--mca", "btl_tcp_if_include", NETWORK, "--mca", "oob_tcp_if_include", NETWORK],
          ...[Deno.execPath(), "run", "--no-prompt", "-A", module.href, ...args],
        ];
        const quoted = command.map((word) => `'${word}'`).join(" ");
        const { code, stdout, stderr } = await new Deno.Command("sh", {
          args: ["-c", `exec ${enter(first.name)} "${quoted}"`],
          env: { ...ENVIRONMENT, ...KEEPALIVE },
          stdin: "null",
        }).output();
        const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        return { code, out: decode(stdout), err: decode(stderr) };
      },
      async cut() {
        await ip("-n", second.name, "link", "set", second.device, "down");
      },
      async received() {
        const shown = await ip("-n", second.name, "-j", "-s", "link", "show", second.device);
        return JSON.parse(shown)[0].stats64.rx.bytes;
      },
    });
  } finally {
    for (const { name } of hosts) await ip("netns", "del", name).catch(() => {});
    await Deno.remove(folder, { recursive: true });
  }
}

/** Start of a command that runs shell text in a namespace, with its own host name. */
const enter = (name: string) =>
  `ip netns exec ${name} unshare --uts sh -c 'hostname ${name}; exec sh -c "$1"' sh`;
