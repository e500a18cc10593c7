/**
 * The machine that a benchmark runs on, and the Python of the other side.
 *
 * @module
 */
import { join } from "node:path";

/** Prints the versions of Python and its packages. */
const VERSIONS = `
import importlib.metadata as metadata, json, platform
result = {"python": platform.python_version()}
for name in ("numpy", "torch", "transformers", "jax"):
    try:
        result[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(result))
`;

/** Processor, cores, load before the start, and versions of both sides. */
export async function describeMachine(python: string): Promise<Record<string, string | number>> {
  const { stdout } = await new Deno.Command(python, { args: ["-c", VERSIONS] }).output();
  return { ...describeVersions(), ...JSON.parse(new TextDecoder().decode(stdout)) };
}

/** The same without Python. */
export function describeVersions(): Record<string, string | number> {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: processor(),
    cores: navigator.hardwareConcurrency,
    load_average_before: Deno.loadavg()[0],
    deno: Deno.version.deno,
    onnxruntime: importedVersion("onnxruntime-node"),
  };
}

/** The processor's model name on Linux, elsewhere its architecture. */
export function processor(): string {
  if (Deno.build.os !== "linux") return Deno.build.arch;
  const text = Deno.readTextFileSync("/proc/cpuinfo");
  return /^model name\s*:\s*(.*)$/m.exec(text)?.[1] ?? Deno.build.arch;
}

/** The version that core/deno.json pins a package to. */
function importedVersion(name: string): string {
  const path = new URL("../../core/deno.json", import.meta.url);
  const specifier: string = JSON.parse(Deno.readTextFileSync(path)).imports[name];
  return specifier.split("@").at(-1)!;
}

/** What most benchmarks compare with, and oneDNN for Causeway. */
export const PACKAGES = {
  torch: "2.14.1",
  transformers: "5.23.0",
  numpy: "2.4.6",
  "onednn-cpu-gomp": "2023.2.0",
};

const ROOT = new URL("../../", import.meta.url);

/**
 * Finds a Python with the packages of the other side. Without `given` this is the virtual environment `.venv`, which is
 * made if missing; packages of the system that have the right version are used, and pip installs the others.
 *
 * @param given a Python to use instead, with whatever versions it has
 * @param log called before something slow
 * @param packages versions by name
 * @returns the path of the interpreter.
 * @throws {Error} if python3 is missing, or a package is missing and cannot be installed.
 */
export async function findPython(
  given: string | undefined,
  log: (line: string) => void,
  packages: Readonly<Record<string, string>> = PACKAGES,
): Promise<string> {
  const folder = join(import.meta.dirname!, "../../.venv");
  const own = join(folder, Deno.build.os === "windows" ? "Scripts/python.exe" : "bin/python");
  if (given === undefined) {
    if (!exists(own)) await run("python3", ["-m", "venv", "--system-site-packages", folder]);
    if (await missingPackages(own, packages, true) !== "") {
      const wanted = Object.entries(packages).map(([name, version]) => `${name}==${version}`);
      log(`Installing ${wanted.join(", ")} into .venv (once) …`);
      await run(own, ["-m", "pip", "install", "--quiet", ...wanted]);
    }
  }
  const python = given ?? own;
  const missing = await missingPackages(python, packages, given === undefined);
  if (missing !== "") {
    throw new Error(`${python} lacks packages that the benchmark needs: ${missing}`);
  }
  return python;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * Prints the packages that are missing or, where that matters, have another version; a local part such as "+cpu" is
 * ignored.
 */
const CHECK = `
import importlib.metadata as metadata, json, sys
for name, version in json.loads(sys.argv[1]).items():
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        found = "none"
    if found == "none" or (sys.argv[2] == "true" and found.split("+")[0] != version):
        print(f"{name} {version} (found {found})")
`;

/** Empty if all packages are present. */
async function missingPackages(
  python: string,
  packages: Readonly<Record<string, string>>,
  same_versions: boolean,
): Promise<string> {
  const text = await run(python, ["-c", CHECK, JSON.stringify(packages), `${same_versions}`]);
  return text.trim().replaceAll("\n", ", ");
}

/**
 * Runs a command to its end.
 *
 * @returns its standard output.
 * @throws {Error} with its standard error.
 */
async function run(command: string, args: string[]): Promise<string> {
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd: ROOT })
      .output();
    if (success) return decode(stdout);
    throw new Error(`${command} ${args.slice(0, 3).join(" ")} failed: ${decode(stderr).trim()}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      `${command} not found; the benchmark compares with Python libraries: install Python 3.10 or later with ` +
        `its venv module, or use --python PATH for one that has them`,
    );
  }
}
