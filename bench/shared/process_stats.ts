/**
 * Memory and processor time of another process, from Linux's /proc. Elsewhere these are undefined.
 *
 * @module
 */

/** Clock ticks per second in /proc: 100 on every architecture Linux runs Deno on (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;

function read(path: string): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Largest resident memory so far, VmHWM, in bytes. */
export function peakMemory(pid: number): number | undefined {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** Makes {@linkcode peakMemory} count from now on; see clear_refs in proc(5). */
export function resetPeakMemory(pid: number): void {
  if (Deno.build.os === "linux") Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Processor time used so far by all threads, in seconds, in steps of 0.01. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // Fields 14 and 15, utime and stime; the second field is a name in parentheses that may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Processor time used so far by the whole machine, in seconds over all cores, with what a hypervisor took away. */
export function machineCpuSeconds(): number | undefined {
  const total = /^cpu +(.*)$/m.exec(read("/proc/stat") ?? "")?.[1];
  if (total === undefined) return undefined;
  // Fields of proc_stat(5); guest time is part of user time already.
  const [user, nice, system, _idle, _iowait, irq, softirq, steal] = total.split(" ").map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
