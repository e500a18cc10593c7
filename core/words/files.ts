/**
 * Errors of the file system in words: what was done, to which path, and why it failed. Deno names both where a call takes
 * a path, but not where an open file is read or written: `openFile` does.
 *
 * @module
 */

/** An error of the file system. */
export interface FileError {
  /** `cannot read a/b`. */
  readonly what: string;
  readonly path: string;
  readonly is_reading: boolean;
  /** Why, in words. */
  readonly why: string;
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the disk; free some and start again: finished steps are kept",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  EDQUOT: "the disk quota is used up",
  ENOTDIR: "part of the path is a file, not a folder",
  EEXIST: "a file of that name is in the way",
  EISDIR: "it is a folder, not a file",
  ENOENT: "there is no such file or folder",
  ENAMETOOLONG: "a name in it is too long for the file system",
  ENOTEMPTY: "the folder is not empty",
  EMFILE: "this process has too many files open; raise the limit with ulimit -n",
  EIO: "the disk or network failed (input/output error)",
  EBUSY: "another program uses it",
  ELOOP: "its links lead back to themselves",
};

/** Why an operation of the file system failed; undefined for another error. */
export function causeOf(code: string | undefined): string | undefined {
  return code !== undefined && Object.hasOwn(CAUSES, code) ? CAUSES[code] : undefined;
}

/** What the calls do, by the beginnings of their names. */
const READING = { read: "read", stat: "read", lstat: "read", realpath: "read", seek: "read" };
const WRITING = {
  mkdir: "create",
  tmpdir: "create",
  remove: "remove",
  rename: "rename",
  copy: "copy",
  link: "link",
  symlink: "link",
  chmod: "change the permissions of",
};

/** As Deno and `node:fs` end their messages: the call, its path and, if there is one, the path that it would get. */
const CALL = /(?:\(os error \d+\): |\bE[A-Z]+: [^']*, )(\w+) '(.+?)'(?: -> '(.+?)')?(?=$|[\s;,)])/s;

/** Reads an error, also one whose message contains that of the file system. */
export function fileErrorOf(error: unknown): FileError | undefined {
  const { code, message = "" } = Object(error) as { code?: unknown; message?: string };
  const why = typeof code === "string" ? causeOf(code) : undefined;
  const [, call, path, to] = CALL.exec(message) ?? [];
  if (why === undefined || path === undefined) return undefined;
  const verbOf = (verbs: Readonly<Record<string, string>>) =>
    Object.entries(verbs).find(([name]) => call.startsWith(name))?.[1];
  const reads = verbOf(READING);
  const target = to === undefined ? path : `${path} to ${to}`;
  const what = `cannot ${reads ?? verbOf(WRITING) ?? "write"} ${target}`;
  return { what, path, is_reading: reads !== undefined, why };
}

/** An error's message; of one of the file system a sentence: `cannot read a/b: it is a folder, not a file`. */
export function errorText(error: unknown): string {
  const found = fileErrorOf(error);
  if (found !== undefined) return `${found.what}: ${found.why}`;
  return error instanceof Error ? error.message : String(error);
}

/** Opens a file. Every error of what is done with it names the file and the operation. */
export async function openFile(
  path: string | URL,
  options: Deno.OpenOptions = { read: true },
): Promise<Deno.FsFile> {
  try {
    return withPath(await Deno.open(path, options), path);
  } catch (error) {
    throw renamed(error, path, options);
  }
}

/** As `openFile`, at once. */
export function openFileSync(
  path: string | URL,
  options: Deno.OpenOptions = { read: true },
): Deno.FsFile {
  try {
    return withPath(Deno.openSync(path, options), path);
  } catch (error) {
    throw renamed(error, path, options);
  }
}

/** Of a file that was not opened: what for. A path that cannot be looked up is not in the message. */
function renamed(
  error: unknown,
  path: string | URL,
  { write, append, create, createNew }: Deno.OpenOptions,
): unknown {
  const call = write || append || create || createNew ? "write" : "read";
  if (!(error instanceof Error)) return error;
  error.message = error.message.replace(/: open (?=')/, `: ${call} `);
  return withCall(error, call, path);
}

/** Adds call and path to an error that has none, as Deno's functions of paths do. */
function withCall(error: unknown, call: string, path: string | URL): unknown {
  if (error instanceof Error && /\(os error \d+\)$/.test(error.message)) {
    error.message += `: ${call} '${path}'`;
  }
  return error;
}

/** A file whose methods add the call and the path to errors. */
function withPath(file: Deno.FsFile, path: string | URL): Deno.FsFile {
  return new Proxy(file, {
    get(target, key) {
      const method = Reflect.get(target, key, target);
      if (typeof method !== "function") return method;
      const named = (error: unknown) => withCall(error, String(key).replace(/Sync$/, ""), path);
      return (...args: unknown[]) => {
        try {
          const result = method.apply(target, args);
          return result instanceof Promise
            ? result.catch((error) => Promise.reject(named(error)))
            : result;
        } catch (error) {
          throw named(error);
        }
      };
    },
  });
}
