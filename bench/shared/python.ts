/**
 * The Python that the other side runs on.
 *
 * @module
 */
import { join } from "node:path";

const PACKAGES = {
  torch: "2.13.0",
  transformers: "5.23.0",
  numpy: "2.4.6",
  safetensors: "0.8.0",
  "onednn-cpu-gomp": "2023.2.0",
};

const ROOT = new URL("../../", import.meta.url);

/**
 * Finds a Python with the packages of the other side, in the virtual environment `.venv`, which is made when it is
 * not there. pip takes them from where it is set up to; packages of the system that have the right version are
 * used as they are.
 *
 * @param given a Python to use instead.
 * @param log told what takes long.
 * @param packages with their versions; by default those of the training and evaluation benchmarks.
 * @returns the path of the interpreter.
 * @throws {Error} when there is no python3, or a package cannot be installed or has another version.
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
    if (await missingPackages(own, packages) !== "") {
      const wanted = Object.entries(packages).map(([name, version]) => `${name}==${version}`);
      log(`Installing ${wanted.join(", ")} into .venv (once) …`);
      await run(own, ["-m", "pip", "install", "--quiet", ...wanted]);
    }
  }
  const python = given ?? own;
  const missing = await missingPackages(python, packages);
  if (missing !== "") throw new Error(`${python} lacks packages of the benchmark: ${missing}`);
  return python;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Prints what is not there in the right version; a local part such as "+cpu" does not matter. */
const CHECK = `
import importlib.metadata as metadata, json, sys
for name, version in json.loads(sys.argv[1]).items():
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        found = "none"
    if found.split("+")[0] != version:
        print(f"{name} {version} (found {found})")
`;

/** Empty when all is there. */
async function missingPackages(
  python: string,
  packages: Readonly<Record<string, string>>,
): Promise<string> {
  const text = await run(python, ["-c", CHECK, JSON.stringify(packages)]);
  return text.trim().replaceAll("\n", ", ");
}

/**
 * Runs a command to its end.
 *
 * @returns its standard output.
 */
export async function run(command: string, args: string[]): Promise<string> {
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd: ROOT })
      .output();
    if (success) return decode(stdout);
    throw new Error(`${command} ${args.slice(0, 3).join(" ")} failed: ${decode(stderr).trim()}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      `there is no ${command}; the benchmark compares with Python libraries: install Python 3.10 or later with ` +
        `its venv module, or name a Python that has them by --python PATH`,
    );
  }
}
