/**
 * The GPU, its driver, PyTorch, and how Vulkan may find the GPU.
 *
 * @module
 */
import { describeVersions } from "../shared/machine.ts";

/** Runs a program. @returns its standard output, or what went wrong. */
async function ask(command: string, args: string[]): Promise<{ text?: string; error?: string }> {
  try {
    const output = await new Deno.Command(command, { args, stdin: "null" }).output();
    const [text, error] = [output.stdout, output.stderr].map((bytes) =>
      new TextDecoder().decode(bytes).trim()
    );
    if (output.success) return { text };
    return { error: error.split("\n").at(-1) || `${command} exited with code ${output.code}` };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { error: `${command} is not installed` };
    throw error;
  }
}

const smi = (fields: string) =>
  ask("nvidia-smi", [`--query-gpu=${fields}`, "--format=csv,noheader,nounits"]);

/** Bytes in use on the first GPU; undefined without nvidia-smi. */
export async function gpuMemoryUsed(): Promise<number | undefined> {
  const mebibytes = parseInt((await smi("memory.used")).text ?? "");
  return Number.isNaN(mebibytes) ? undefined : mebibytes * 2 ** 20;
}

const TORCH = `
import json, numpy, platform, torch
result = {"python": platform.python_version(), "torch": torch.__version__}
if torch.cuda.is_available():
    result["torch_gpu"] = torch.cuda.get_device_name()
    result["cuda"] = torch.version.cuda
print(json.dumps(result))
`;

/** Everything about this machine that a reader of the results needs. */
export async function describeGpuMachine(
  python: string,
): Promise<Record<string, string | number>> {
  const [gpu, kernel, torch] = await Promise.all([
    smi("name,memory.total,driver_version,clocks.max.sm"),
    ask("uname", ["-sr"]),
    ask(python, ["-c", TORCH]),
  ]);
  const [name, memory, driver, clock] = gpu.text?.split("\n")[0].split(", ") ?? [];
  return {
    ...describeVersions(),
    kernel: kernel.text ?? kernel.error!,
    memory_gib: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    ...(gpu.text
      ? { gpu: name, gpu_memory_mib: memory, driver, gpu_clock_mhz: clock }
      : { gpu: `unknown: ${gpu.error}` }),
    ...(torch.text ? JSON.parse(torch.text) : { torch: `none: ${torch.error}` }),
  };
}

/** Why PyTorch cannot be measured; undefined if it can. */
export function torchProblem(
  machine: Readonly<Record<string, string | number>>,
  device: "cuda" | "cpu",
): string | undefined {
  const version = String(machine.torch);
  if (version.startsWith("none: ")) return version.slice("none: ".length);
  if (device === "cpu" || machine.torch_gpu !== undefined) return undefined;
  return `PyTorch ${version} sees no CUDA device`;
}

/** Environment variables under which the device may be found. */
export interface Attempt {
  readonly name: string;
  readonly env: Record<string, string>;
}

/** Folders where drivers describe themselves to Vulkan's loader; NVIDIA's containers mount the first one. */
const DRIVER_FOLDERS = [
  "/usr/local/nvidia/share/vulkan/icd.d",
  "/etc/vulkan/icd.d",
  "/usr/share/vulkan/icd.d",
];

/** Libraries of NVIDIA's driver that speak Vulkan; the second one needs no X11. */
const DRIVER_LIBRARIES = ["libGLX_nvidia.so.0", "libEGL_nvidia.so.0"];

/**
 * NVIDIA's driver first, because the loader alone may choose one that computes on the CPU; then whatever the loader
 * finds. Containers often lack the driver's description, so that of each library is written to `folder`.
 */
export function vulkanAttempts(
  folder: string,
  has_nvidia: boolean,
  environment = Deno.env.toObject(),
): Attempt[] {
  const loader = { name: "what the Vulkan loader finds", env: {} };
  const given = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].find((name) => name in environment);
  if (given !== undefined) return [{ ...loader, name: `${given} as given` }];
  if (!has_nvidia) return [loader];
  const present = DRIVER_FOLDERS.flatMap(nvidiaFiles);
  const written = DRIVER_LIBRARIES.map((library) => {
    const path = `${folder}/${library}.json`;
    const ICD = { library_path: library, api_version: "1.3.0" };
    Deno.writeTextFileSync(path, JSON.stringify({ file_format_version: "1.0.0", ICD }));
    return path;
  });
  // Loaders before 1.3.207 know only the second name.
  const using = (path: string) => ({
    name: path.startsWith(folder) ? `own description of ${path.split("/").at(-1)}` : path,
    env: { VK_DRIVER_FILES: path, VK_ICD_FILENAMES: path },
  });
  return [...[...present, ...written].map(using), loader];
}

function nvidiaFiles(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => /nvidia.*\.json$/.test(name)).map((name) => `${folder}/${name}`);
  } catch {
    return []; // The folder is missing on most machines.
  }
}
