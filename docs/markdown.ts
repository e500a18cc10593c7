/**
 * Markdown for generated pages.
 *
 * @module
 */

/** A table, or "No …s." if there are no rows. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return `No ${headings[0]}s.`;
  const cells = (row: readonly string[]) => `| ${row.map(escapeCell).join(" | ")} |`;
  return [cells(headings), cells(headings.map(() => "---")), ...rows.map(cells)].join("\n");
}

const escapeCell = (text: string) => text.replaceAll("|", "\\|");

/** Formats like `deno fmt`, so that the page passes the format check. */
export async function formatMarkdown(markdown: string): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "-"],
    cwd: new URL("..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
  });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(markdown + "\n"));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}
