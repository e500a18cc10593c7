/**
 * What is wrong with a value, in the words of this project. They replace zod's in the whole process, because configs are
 * validated through Standard Schema, which accepts no messages.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import { didYouMean } from "./nearest.ts";

/**
 * One line for an issue: `config.steps must be an integer >= 1, got 0`, or `config.model: …` for a message that is a
 * sentence of its own.
 *
 * @param subject what was validated; the path of the issue follows after a dot.
 */
export function issueText({ path = [], message }: StandardSchemaV1.Issue, subject = ""): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  const place = [subject, ...keys].filter((part) => part !== "").join(".");
  if (HAS_SUBJECT.test(message)) return `${place || "it"} ${message}`;
  const name = keys.at(-1);
  if (name && message.startsWith(`${name} `)) return place + message.slice(name.length);
  return place === "" ? message : `${place}: ${message}`;
}

/** Messages that continue the name of what is wrong; errors of the file system are sentences of their own. */
const HAS_SUBJECT = /^(?:must|is|has|cannot(?! (?:read|write|create|copy|rename))) /;

z.config({ localeError: messageOf });

type RawIssue = z.core.$ZodRawIssue;

function messageOf(issue: RawIssue): string {
  const { code } = issue;
  if (code === "unrecognized_keys") return unknownFields(issue);
  if (code === "invalid_key") return `is not a valid name: ${inner(issue.issues)}`;
  if (code === "invalid_element") return inner(issue.issues);
  if (code === "invalid_union" && issue.discriminator === undefined) {
    const requirement = commonRequirement(issue.errors);
    const closest = requirement === undefined ? closestBranch(issue.errors) : undefined;
    if (closest) return inner(closest);
    return requirement === undefined
      ? `cannot be ${show(issue.input)}`
      : `must be ${requirement}, got ${show(issue.input)}`;
  }
  return code === "custom" ? `cannot be ${show(issue.input)}` : mustBe(issue);
}

function mustBe(issue: RawIssue): string {
  const { code, input } = issue;
  const is_size = code === "too_small" || code === "too_big";
  if (code === "too_small" && issue.origin in UNITS && issue.minimum === 1) {
    return "must not be empty";
  }
  if (is_size && issue.origin in UNITS) return `must have ${size(issue)}, got ${sizeOf(input)}`;
  const key = code === "invalid_union" ? issue.discriminator as string : undefined;
  const value = key === undefined ? input : (input as Record<string, unknown>)[key];
  const requirement = requirementOf(issue);
  return value === undefined
    ? `is missing; it must be ${requirement}`
    : `must be ${requirement}, got ${show(value)}`;
}

const TYPES: Readonly<Record<string, string>> = {
  string: "a string",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

function requirementOf(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return TYPES[issue.expected] ?? numberOf(issue);
    case "invalid_value":
      return listOf(issue.values.map(show));
    case "invalid_union":
      return listOf((issue.options as unknown[]).map(show));
    case "too_small":
    case "too_big":
      return numberOf(issue);
    case "not_multiple_of":
      return `a multiple of ${issue.divisor}`;
    case "invalid_format":
      return issue.format === "regex"
        ? `a text that matches ${issue.pattern}`
        : `a valid ${issue.format.replaceAll("_", " ")}`;
  }
  return "something else";
}

/** A number and its limits: `an integer >= 1 and <= 16`. */
function numberOf({ code, schema, expected, origin, maximum }: RawIssue): string {
  const def = (schema as z.core.$ZodType | undefined)?._zod.def;
  const checks = def?.checks?.map((check): Check => check._zod.def) ?? [];
  const is_integer = [expected, origin].includes("int") ||
    [def as Check | undefined, ...checks].some((part) => /int/.test(part?.format ?? ""));
  const limits = checks.flatMap(({ check, value, inclusive }) => {
    if (check === "greater_than") return [`${inclusive ? ">=" : ">"} ${value}`];
    return check === "less_than" ? [`${inclusive ? "<=" : "<"} ${value}`] : [];
  });
  // The limit of all integers is worth saying only to a value beyond it.
  if (limits.length === 0 && code === "too_big") limits.push(`<= ${maximum}`);
  const type = is_integer ? "an integer" : "a number";
  return limits.length === 0 ? type : `${type} ${limits.join(" and ")}`;
}

interface Check {
  readonly check?: string;
  readonly format?: string;
  readonly value?: unknown;
  readonly inclusive?: boolean;
}

const UNITS: Readonly<Record<string, [one: string, many: string]>> = {
  string: ["character", "characters"],
  array: ["entry", "entries"],
  set: ["entry", "entries"],
  map: ["entry", "entries"],
};

function size(issue: RawIssue & { code: "too_small" | "too_big" }): string {
  const [bound, how] = issue.code === "too_small"
    ? [issue.minimum, "at least"]
    : [issue.maximum, "at most"];
  const [one, many] = UNITS[issue.origin];
  return `${issue.exact ? "exactly" : how} ${bound} ${Number(bound) === 1 ? one : many}`;
}

function sizeOf(input: unknown): string {
  if (typeof input === "string") return show(input);
  return String(Array.isArray(input) ? input.length : (input as Set<unknown>).size);
}

function unknownFields(issue: RawIssue & { code: "unrecognized_keys" }): string {
  const { shape = {} } = (issue.inst as z.core.$ZodObject | undefined)?._zod.def ?? {};
  const names = Object.keys(shape);
  const what = `has no field ${listOf(issue.keys.map(show))}`;
  const meant = issue.keys.length === 1 ? didYouMean(issue.keys[0], names) : "";
  if (meant !== "" || names.length === 0) return what + meant;
  return `${what}; its fields are ${names.join(", ")}`;
}

type Branches = readonly (readonly StandardSchemaV1.Issue[])[];

/** What the branches of a union require, if each of them rejects the value itself and not a field of it. */
function commonRequirement(branches: Branches): string | undefined {
  const parts = branches.map(([{ path = [], message }]) =>
    path.length > 0 ? undefined : /^must be (.*), got [^]*$/.exec(message)?.[1]
  );
  const all = parts.filter((part) => part !== undefined);
  if (all.length === 0 || all.length < parts.length) return undefined;
  return listOf([...new Set(all.flatMap((part) => part.split(/, (?=")| or (?=")/)))]);
}

/** The branch that the value comes closest to: one that accepts its type, with the fewest issues. */
function closestBranch(branches: Branches): readonly StandardSchemaV1.Issue[] | undefined {
  return branches
    .filter(([{ path = [], message }]) => path.length > 0 || !message.startsWith("must be "))
    .toSorted((a, b) => a.length - b.length)[0];
}

function inner(issues: readonly StandardSchemaV1.Issue[]): string {
  return issues.map((issue) => issueText(issue)).join("; ");
}

function listOf(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} or ${parts.at(-1)}`;
}

const MAX_SHOWN = 80;

function show(value: unknown): string {
  if (typeof value === "string") {
    const shown = JSON.stringify(value);
    return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…"` : shown;
  }
  if (Array.isArray(value)) return "a list";
  if (value === null || typeof value !== "object") return String(value);
  return "an object";
}
