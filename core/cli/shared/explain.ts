/**
 * Turns errors into the one sentence a user reads.
 *
 * @module
 */

const CAUSES: Record<string, string> = {
  ENOSPC: "there is no space left on the disk; free some and start again: finished steps are kept",
  EACCES: "permission was denied",
  EPERM: "permission was denied",
  EROFS: "the file system is read-only",
  EDQUOT: "the disk quota is used up",
  ENOTDIR: "a part of the path is a file, not a folder",
  EEXIST: "a file of that name is in the way",
};

/**
 * One sentence for an error.
 *
 * @param doing what was being done, put in front of errors of the operating system.
 */
export function explain(error: unknown, doing?: string): string {
  const { message = String(error), cause } = error as Error;
  const code = codeOf(error) ?? codeOf(cause);
  const sentence = code === undefined ? undefined : CAUSES[code];
  if (!sentence) return oneLine(message);
  // Deno's messages end in the call and path they are about, which helps unless it is the disk that is full.
  const path = /: (?:open|mkdir|rename|copy|remove|write|readdir)\w* '([^']+)'/.exec(message)?.[1];
  const step = /^step "[^"]*" \(stage \w+\)/.exec(message)?.[0];
  const subject = step ?? doing;
  const named = path !== undefined && !subject?.includes(path);
  return `${subject ? `${subject}: ` : ""}${named ? `${path}: ` : ""}${sentence}`;
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, message = "" } = error as { code?: unknown; message?: string };
  if (typeof code === "string") return code;
  return /os error 28\b/.test(message) ? "ENOSPC" : undefined;
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, " ").trim();
}
