/**
 * A strict parser of Prometheus' text format.
 *
 * @module
 */

/** Values by name and labels, as `name{a="1",b="2"}` with labels sorted. */
export type Samples = Map<string, number>;

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const COMMENT = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (NaN|[+-]Inf|[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)$`);
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/;
const SUFFIXES = /_(bucket|sum|count)$/;

/** @throws {Error} naming the first invalid line. */
export function parsePrometheus(text: string): Samples {
  const samples: Samples = new Map();
  const types = new Map<string, string>();
  if (!text.endsWith("\n")) throw new Error("no line break at the end");
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const comment = COMMENT.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (kind === "TYPE" && types.has(name)) throw new Error(`second type: ${line}`);
      if (kind === "TYPE") types.set(name, rest);
      continue;
    }
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) throw new Error(`not a sample: ${line}`);
    const type = types.get(name) ?? types.get(name.replace(SUFFIXES, ""));
    if (type === undefined) throw new Error(`no type: ${line}`);
    const key = `${name}{${parseLabels(labels, line).sort().join(",")}}`;
    if (samples.has(key)) throw new Error(`duplicate: ${line}`);
    samples.set(key, Number(value.replace("Inf", "Infinity")));
  }
  return samples;
}

function parseLabels(text: string, line: string): string[] {
  const labels: string[] = [];
  for (let rest = text; rest !== "";) {
    const [all, name, escaped] = LABEL.exec(rest) ?? [];
    if (all === undefined) throw new Error(`not a label: ${line}`);
    const value = escaped.replace(/\\(.)/g, (_, sign) => sign === "n" ? "\n" : sign);
    labels.push(`${name}=${JSON.stringify(value)}`);
    rest = rest.slice(all.length);
  }
  return labels;
}
