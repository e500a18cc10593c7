/**
 * Checks who imports whom (docs/architecture.md, "Import directions"), by Deno's own module graph:
 *
 * ```sh
 * deno run -R -W --allow-env --allow-run=deno tests/check_imports.ts
 * ```
 *
 * prints each violation as `file:line imports X: rule`, and each circle, and exits with 1 when there is one.
 *
 * @module
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { circles } from "./import_circles.ts";

/**
 * Rooms of core, lowest first. A room imports only rooms of earlier lines, so that no two rooms import each other.
 */
const ROOMS = [
  ["core/words"],
  [
    "core/stage",
    "core/config",
    "core/graph",
    "core/net",
    "core/random",
    "core/remote/mpi",
  ],
  ["core/arrow", "core/batches", "core/engine", "core/hub", "core/tokenizer"],
  ["core/analysis", "core/model", "core/readers", "core/report", "core/store"],
  ["core/generate", "core/recipe", "core/remote/storage"],
  ["core/runs", "core/train"],
  ["core/export", "core/runner"],
  ["core/remote/launch", "core/status"],
  ["core/cli"],
];

/** Rooms that stages and plugins may build on. The others run stages, and are none of their business. */
const FOR_STAGES = new Set(
  "stage words config arrow batches readers hub net random analysis model train engine generate graph tokenizer report export"
    .split(" ").map((room) => `core/${room}`),
);
const FOR_DATASETS = new Set(["core/stage", "core/words", "core/readers", "core/hub"]);

/** Packages that one part of core wraps for all the others. */
const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  "onnxruntime-node": ["core/engine"],
  "apache-arrow": ["core/arrow"],
  "hyparquet": ["core/readers"],
  "hyparquet-compressors": ["core/readers"],
  "@zip.js/zip.js": ["core/readers"],
  "@huggingface/hub": ["core/hub"],
  "@huggingface/jinja": ["core/tokenizer"],
  "oniguruma-to-es": ["core/tokenizer"],
  "aws4fetch": ["core/remote/storage"],
  "jstat": ["core/analysis"],
  "hono": ["core/status", "core/cli"],
};

/** One import in a source file. A `url` names a module that is loaded elsewhere, as a Worker's is. */
export interface Import {
  /** Path from the root of the tree, as `to` is when it lies in the tree; otherwise the name of a package. */
  readonly from: string;
  readonly to: string;
  /** Counted from 1. */
  readonly line: number;
  readonly kind: "import" | "url" | "package";
}

/** Where a module is: `core/graph/ops.ts` is in the room `core/graph` of the area `core`. */
interface Place {
  readonly path: string;
  readonly area: string;
  readonly room: string;
  readonly is_test: boolean;
}

const CORE_ROOMS = ROOMS.flat();

export function placeOf(path: string): Place {
  const parts = path.split("/");
  const room = CORE_ROOMS.find((room) => path.startsWith(`${room}/`)) ??
    parts.slice(0, 2).join("/").replace(/(_test)?\.[^.]+$/, "");
  const is_test = parts[0] === "tests" || /_test\.[^.]+$|\/testdata\//.test(path);
  return { path, area: parts[0], room, is_test };
}

/** The rule that an import breaks, if any. */
export function brokenRule(site: Import): string | undefined {
  const from = placeOf(site.from);
  if (site.kind === "package") {
    if (from.is_test) return undefined;
    const owners = Object.hasOwn(PACKAGE_OWNERS, site.to) ? PACKAGE_OWNERS[site.to] : undefined;
    if (owners === undefined || owners.includes(from.room)) return undefined;
    return `only ${owners.join(" and ")} may import ${site.to}`;
  }
  const to = placeOf(site.to);
  if (from.room === to.room) return undefined;
  if (to.area === "recipes") {
    if (["recipes", "bench", "tests"].includes(from.area) || from.is_test) return undefined;
    return "only other recipes, benchmarks and tests import recipes";
  }
  if (to.area === "tests") return from.is_test ? undefined : "only tests import tests/";
  const direction = brokenDirection(from, to);
  if (direction !== undefined) return direction;
  const is_face = site.to.endsWith("/mod.ts") || to.path.includes("/testdata/");
  if (to.area === "core" && site.kind === "import" && !is_face) {
    return `import ${to.room}/mod.ts, the public face of ${to.room}`;
  }
}

function brokenDirection(from: Place, to: Place): string | undefined {
  switch (from.area) {
    case "core":
      if (to.area !== "core") return "core imports only core";
      if (from.is_test || layerOf(to) < layerOf(from)) return undefined;
      return from.room === "core/stage"
        ? "core/stage imports nothing of this project"
        : `${to.room} is not below ${from.room} (see ROOMS in tests/check_imports.ts)`;
    case "stages":
    case "plugins":
      if (to.area === "core") {
        return FOR_STAGES.has(to.room) || from.is_test
          ? undefined
          : `stages and plugins may not import ${to.room}`;
      }
      if (to.area === "datasets") return undefined;
      // stages/mod.ts and plugins/mod.ts list what their folder has, and tests may chain stages.
      if (to.area === from.area && from.room.endsWith("/mod")) return undefined;
      return from.is_test ? undefined : "a stage or plugin imports no other";
    case "datasets":
      if (to.area === "datasets" || FOR_DATASETS.has(to.room)) return undefined;
      return "datasets import only core/stage, core/words, core/readers and core/hub";
  }
}

function layerOf({ room, path }: Place): number {
  const layer = ROOMS.findIndex((rooms) => rooms.includes(room));
  if (layer < 0) throw new Error(`${path} is in no room of ROOMS in tests/check_imports.ts`);
  return layer;
}

/** One line for each violation and each circle. */
export function problemsOf(imports: readonly Import[]): string[] {
  const broken = imports.flatMap((site) => {
    const rule = brokenRule(site);
    return rule === undefined ? [] : [`${site.from}:${site.line} imports ${site.to}: ${rule}`];
  });
  const edges = imports.filter(({ kind }) => kind === "import");
  return [...broken, ...circles(edges).map((circle) => `import circle: ${circle.join(" -> ")}`)];
}

const SOURCE_FILE = /\.[cm]?[jt]sx?$/;
const SKIPPED = new Set(["node_modules", "out", "tests/fixtures"]);

/** Paths of all source files below a folder, sorted. Hidden folders are skipped. */
async function sourceFiles(root: string): Promise<string[]> {
  const paths: string[] = [];
  const walk = async (folder: string) => {
    for await (const entry of Deno.readDir(`${root}/${folder}`)) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith(".") || SKIPPED.has(path) || entry.name === "node_modules") {
        continue;
      }
      if (entry.isDirectory) await walk(path);
      else if (entry.isFile && SOURCE_FILE.test(path)) paths.push(path);
    }
  };
  await walk("");
  return paths.sort();
}

/** What `deno info --json` says of a module, as far as it is needed here. */
interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: Resolved;
    readonly type?: Resolved;
  }[];
}
interface Resolved {
  readonly specifier?: string;
  readonly span: { readonly start: { readonly line: number } };
}

/** All imports of a tree: those of Deno's module graph, types included, and module URLs of workers. */
export async function readImports(root: string): Promise<Import[]> {
  const files = await sourceFiles(root);
  const base = pathToFileURL(`${root}/`).href;
  const modules = await moduleGraph(root, files.map((file) => base + file));
  const imports: Import[] = [];
  for (const { specifier, dependencies = [] } of modules) {
    if (!specifier.startsWith(base)) continue;
    const from = specifier.slice(base.length);
    for (const { specifier: name, code, type } of dependencies) {
      const found = code ?? type, line = (found?.span.start.line ?? 0) + 1;
      const target = found?.specifier ?? "";
      // A bare name is a package, also where the import map points it at an adapter in this tree.
      const is_ours = name.startsWith(".") || name.startsWith("@causeway/") || name.startsWith("/");
      if (is_ours && target.startsWith(base)) {
        imports.push({ from, to: target.slice(base.length), line, kind: "import" });
      } else if (!name.startsWith("node:")) {
        imports.push({ from, to: packageOf(name), line, kind: "package" });
      }
    }
  }
  for (const file of files) imports.push(...await moduleUrls(root, file));
  return imports;
}

async function moduleGraph(root: string, urls: readonly string[]): Promise<readonly Module[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(entry, urls.map((url) => `import "${url}";\n`).join(""));
    const { success, stdout, stderr } = await new Deno.Command("deno", {
      args: ["info", "--json", "--no-lock", "--config", `${root}/deno.json`, entry],
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout)).modules;
  } finally {
    await Deno.remove(entry);
  }
}

/** Modules that are named by a URL, which is not part of the module graph. */
async function moduleUrls(root: string, file: string): Promise<Import[]> {
  const text = await Deno.readTextFile(`${root}/${file}`);
  const pattern = /(?:new URL|import\.meta\.resolve)\(\s*"(\.{1,2}\/[^"]+)"/g;
  return [...text.matchAll(pattern)].flatMap((match): Import[] => {
    const to = decodeURIComponent(new URL(match[1], `file:///${file}`).pathname).slice(1);
    if (!SOURCE_FILE.test(to)) return []; // a data file or a folder
    const line = text.slice(0, match.index).split("\n").length;
    return [{ from: file, to, line, kind: "url" }];
  });
}

/** `npm:hono@4.1.0/cors`, `hono/cors` -> `hono`. */
function packageOf(specifier: string): string {
  const parts = specifier.replace(/^(npm|jsr):\/?/, "").split("/");
  const name = parts[0].startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
  return name.replace(/(?<=.)@.*$/, "");
}

if (import.meta.main) {
  const root = Deno.args[0] ?? fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
  const imports = await readImports(root);
  const problems = problemsOf(imports);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
  console.log(
    `Checked ${imports.length} imports of ${new Set(imports.map(({ from }) => from)).size} files`,
  );
}
