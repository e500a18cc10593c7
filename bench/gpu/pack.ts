/**
 * Packs the benchmark into one file for a Linux x64 machine without network: a shell script (run.sh) with an archive
 * behind it, of Deno itself, ONNX Runtime's library, the code and the packages that it imports.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Modules that are started as processes. */
const ENTRIES = ["bench/gpu/main.ts", "bench/gpu/ours.ts", "bench/shared/workload.ts"];
/** Files that no module imports. */
const OTHER_FILES = [
  "core/deno.json",
  "bench/deno.json",
  "bench/gpu/torch_peer.py",
  "bench/pytorch/gpt_neox_sdpa.py",
  "bench/shared/json_lines.py",
];

/** Of onnxruntime-node, what core/engine needs. */
const ORT = "node_modules/onnxruntime-node";
const ORT_FILES = ["package.json", "dist/index.js", "bin/napi-v6/linux/x64/libonnxruntime.so.1"];

/** Vulkan's loader, and what the Vulkan libraries of NVIDIA's driver link to; bare machines often lack them. */
const LIBRARIES = [
  "libvulkan.so.1",
  "libEGL.so.1",
  "libGLX.so.0",
  "libGLdispatch.so.0",
  "libX11.so.6",
  "libXext.so.6",
  "libxcb.so.1",
  "libXau.so.6",
  "libXdmcp.so.6",
  "libbsd.so.0",
  "libmd.so.0",
];

/** Larger files are refused, since they may not be carried to the machine. */
const LIMIT = 60e6;

/** What `deno info --json` says, as far as it is needed here. */
export interface Graph {
  readonly modules: readonly { readonly specifier: string; readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, NpmPackage>>;
}
interface NpmPackage {
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly localPath: string;
}

/** Writes the file. @throws {Error} on other systems, or if it is too large. */
export async function pack(file: string): Promise<void> {
  if (Deno.build.target !== "x86_64-unknown-linux-gnu") {
    throw new Error(
      `--pack copies the Deno that runs it, so it needs Linux x64, not ${Deno.build.target}`,
    );
  }
  const folder = await Deno.makeTempDir({ prefix: "bench_gpu_" });
  try {
    await collect(folder);
    console.error("Compressing, which takes a minute or two …");
    const archive = `${folder}.tar.xz`;
    const script = `tar -cf - -C '${folder}' . | xz -T0 > '${archive}'`;
    await output("bash", ["-o", "pipefail", "-c", script]);
    await writeFile(file, archive);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(`${folder}.tar.xz`).catch(() => {});
  }
}

/** Script and archive in one file. */
async function writeFile(file: string, archive: string): Promise<void> {
  const script = await Deno.readTextFile(join(import.meta.dirname!, "run.sh"));
  const head = script.replace("ARCHIVE_LINE", String(script.split("\n").length));
  await Deno.mkdir(dirname(file), { recursive: true });
  await Deno.writeTextFile(file, head);
  await Deno.writeFile(file, await Deno.readFile(archive), { append: true });
  const { size } = await Deno.stat(file);
  if (size > LIMIT) throw new Error(`${file} has ${size} bytes, more than ${LIMIT}`);
  console.error(`Written to ${file}, ${(size / 1e6).toFixed(1)} MB; there: bash ${file} FOLDER`);
}

/** Copies everything below a folder, which then works as a repository without network. */
async function collect(folder: string): Promise<void> {
  const graphs: Graph[] = [];
  for (const entry of ENTRIES) {
    const text = await output(Deno.execPath(), ["info", "--json", join(ROOT, entry)]);
    graphs.push(JSON.parse(text));
  }
  const modules = new Set(graphs.flatMap((graph) => localModules(graph)));
  for (const path of [...modules, ...OTHER_FILES]) await copy(join(ROOT, path), folder, path);
  const packages = new Map(graphs.flatMap(importedPackages).map((npm) => [npm.name, npm]));
  for (const { name, localPath } of packages.values()) {
    await output("cp", ["-rL", localPath, await parent(folder, `node_modules/${name}`)]);
  }
  for (const path of ORT_FILES) await copy(join(ROOT, ORT, path), folder, `${ORT}/${path}`);
  await copy(Deno.execPath(), folder, "bin/deno");
  await copyLibraries(folder);
  const { unstable, imports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const config = { nodeModulesDir: "manual", unstable, workspace: ["./core", "./bench"], imports };
  await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify(config));
  console.error(
    `${modules.size} modules, ${packages.size + 1} packages, Deno ${Deno.version.deno}`,
  );
}

/** Paths of the repository's modules in a graph, from its root. */
export function localModules({ modules }: Graph, root = ROOT): string[] {
  return modules.filter(({ specifier }) => specifier.startsWith("file:"))
    .map(({ specifier }) => fileURLToPath(specifier))
    .filter((path) => path.startsWith(root)).map((path) => path.slice(root.length));
}

/**
 * Packages that modules of a graph import, and the ones that these need; types are left out.
 *
 * @throws {Error} if two versions of a package are needed, which the flat folder there cannot hold.
 */
export function importedPackages({ modules, npmPackages }: Graph): NpmPackage[] {
  const found = new Map<string, NpmPackage>();
  const add = (key: string) => {
    const npm = npmPackages[key], { name } = npm;
    if (name.startsWith("@types/") || found.get(name) === npm) return;
    if (found.has(name)) throw new Error(`two versions of the package ${name} are imported`);
    found.set(name, npm);
    npm.dependencies.forEach(add);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) add(npmPackage);
  return [...found.values()];
}

/** Copies shared libraries of this system, those that it has. */
async function copyLibraries(folder: string): Promise<void> {
  await Deno.mkdir(join(folder, "lib"));
  const list = await output("bash", ["-c", "ldconfig -p || /sbin/ldconfig -p"]);
  const missing: string[] = [];
  for (const name of LIBRARIES) {
    const escaped = name.replaceAll(".", "\\.");
    const path = new RegExp(`^\\s*${escaped} \\(libc6,x86-64.*=> (.*)$`, "m").exec(list)?.[1];
    if (path === undefined) missing.push(name);
    else await copy(path, folder, `lib/${name}`);
  }
  if (missing.length > 0) {
    console.error(
      `Not packed, because this machine lacks them: ${missing.length} of ${LIBRARIES.length} graphics libraries ` +
        `(${
          missing.join(", ")
        }); WebGPU needs Vulkan's loader, Debian's libvulkan1, on one of the machines`,
    );
  }
}

async function parent(folder: string, path: string): Promise<string> {
  const target = join(folder, path);
  await Deno.mkdir(dirname(target), { recursive: true });
  return target;
}

async function copy(from: string, folder: string, path: string): Promise<void> {
  await Deno.copyFile(from, await parent(folder, path));
}

/** @returns a program's standard output. @throws {Error} with the end of its standard error. */
async function output(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (success) return decode(stdout);
  throw new Error(`${program} failed: ${decode(stderr).trim().slice(-500)}`);
}
