/**
 * What the benchmark ran on.
 *
 * @module
 */

/** Versions of the Python side, as its own process sees them. */
const VERSIONS = `
import json, platform, numpy
result = {"python": platform.python_version(), "numpy": numpy.__version__}
try:
    import torch, transformers
    result |= {"torch": torch.__version__, "transformers": transformers.__version__}
except ImportError:
    pass
print(json.dumps(result))
`;

/** Processor, cores, load before the start, versions of both sides. */
export async function describeMachine(python: string): Promise<Record<string, string | number>> {
  const { stdout } = await new Deno.Command(python, { args: ["-c", VERSIONS] }).output();
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: processor(),
    cores: navigator.hardwareConcurrency,
    load_average_before: Deno.loadavg()[0],
    deno: Deno.version.deno,
    onnxruntime: importedVersion("onnxruntime-node"),
    ...JSON.parse(new TextDecoder().decode(stdout)),
  };
}

/** The processor as Linux names it; elsewhere its architecture. */
export function processor(): string {
  if (Deno.build.os !== "linux") return Deno.build.arch;
  const text = Deno.readTextFileSync("/proc/cpuinfo");
  return /^model name\s*:\s*(.*)$/m.exec(text)?.[1] ?? Deno.build.arch;
}

/** The version that deno.json pins a package to. */
function importedVersion(name: string): string {
  const path = new URL("../../deno.json", import.meta.url);
  const specifier: string = JSON.parse(Deno.readTextFileSync(path)).imports[name];
  return specifier.split("@").at(-1)!;
}
