/** Handles of this process, for tests that look for leaks. Linux only. */

/** Paths of the open files below a folder. Deno itself may not read /proc/self/fd without all permissions. */
export function openFiles(folder: string): string[] {
  const { stdout } = new Deno.Command("ls", { args: ["-l", `/proc/${Deno.pid}/fd`] }).outputSync();
  const targets = new TextDecoder().decode(stdout).split("\n").map((line) => line.split(" -> ")[1]);
  return targets.filter((path) => path?.startsWith(`${folder}/`));
}
