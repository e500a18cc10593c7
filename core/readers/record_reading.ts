/**
 * How records become documents: texts with or without a prompt, or conversations.
 *
 * @module
 */
import type { LossOn } from "../tokenizer/mod.ts";
import { counted } from "../words/mod.ts";
import type { Document } from "./card.ts";
import { BLANK, type Change, conversationOf, plainConversation } from "./conversation.ts";
import type { RecordFormat } from "./formats.ts";
import type { ColumnUse, Limits } from "./reading.ts";
import type { LeftOut } from "./reading_report.ts";
import {
  type Columns,
  columnsOf,
  compileColumn,
  compileTemplate,
  type Render,
} from "./template.ts";
import { compileWhere, type Where } from "./where.ts";

/** How records become documents. */
export interface RecordReading {
  /** By the endings of the files' names if left out. */
  readonly format?: RecordFormat;
  /** Columns to read; others of a table are not decoded. Absent: those that templates name, all for functions. */
  readonly columns?: readonly string[];
  /** Of JSON files: the field that is the array of records, `a.b` for one inside another. */
  readonly field?: string;
  /** Of text files: cut at this text into records. */
  readonly separator?: string;
  /** Of CSV and TSV files: what separates the fields. Absent: a comma, a tab in files named `.tsv`. */
  readonly delimiter?: string;
  /**
   * Column name, template, or function that gives the text (after the prompt, if there is one). Absent: the column
   * `text`.
   */
  readonly text?: string | Render;
  /** The same for the text before it. */
  readonly prompt?: string | Render;
  /** Whether the prompt has no loss (default true). */
  readonly mask_prompt?: boolean;
  /** Column of a conversation, instead of text and prompt; for its forms see `conversation.ts`. */
  readonly messages?: string;
  /** Turns of conversations that are learned (default all of the assistant). */
  readonly loss_on?: LossOn;
  /** Column or template whose value keeps documents together in one split. */
  readonly group?: string;
  readonly where?: Where;
  /** Version of the functions among these, if any: they enter the revision as this number, so raise it with every change. */
  readonly reader_version?: number;
  /** Reads at most this many training files of each path, the first by name. Absent: all. */
  readonly max_files?: number;
  /** Size of a random sample of the training documents, chosen by their ids. Absent: all. */
  readonly examples?: number;
  /** What to do with a record that cannot be read: fail (default), or skip and count it. */
  readonly on_error?: "fail" | "skip";
  readonly limits?: Partial<Limits>;
}

/** With the name of the dataset, for messages. */
type NamedReading = RecordReading & { readonly name: string };

export function checkVersion({ name, text, prompt, where, reader_version }: NamedReading): void {
  if (reader_version !== undefined) return;
  if (![text, prompt, where].some((part) => typeof part === "function")) return;
  throw new Error(
    `dataset "${name}" is read by functions, whose changes cannot be detected; set reader_version to 1 ` +
      "and raise it whenever they change",
  );
}

/** @throws {Error} for settings of texts at conversations, or the other way round. */
export function checkParts(options: NamedReading): void {
  const { name, messages, loss_on } = options;
  const others = (["text", "prompt", "mask_prompt"] as const).filter((key) => {
    return options[key] !== undefined;
  });
  if (messages !== undefined && others.length > 0) {
    throw new Error(
      `dataset "${name}" has messages and ${others.join(" and ")}; remove ${
        others.length > 1 ? "these" : "it"
      }: which turns of a conversation are learned is loss_on`,
    );
  }
  if (messages !== undefined || loss_on === undefined) return;
  throw new Error(
    `dataset "${name}" has loss_on, which is for conversations; remove it, or name their column with messages`,
  );
}

/** Makes a document from a record, or says why there is none. */
export type MakeDocument = (
  record: Columns,
  where: string,
  onChange: (change: Change) => void,
) => Omit<Document, "id"> | LeftOut;

export function compileReading(options: NamedReading): MakeDocument {
  const group = options.group === undefined ? undefined : compileTemplate(options.group);
  const accept = compileWhere(options.where);
  const make = options.messages === undefined
    ? compileText(options)
    : compileConversation(options.messages, options.loss_on);
  return (record, where, onChange) => {
    if (!accept(record, where)) return "not selected by where";
    const made = make(record, where, onChange);
    if (typeof made === "string" || group === undefined) return made;
    return { ...made, group: group(record, where) };
  };
}

function compileConversation(column: string, loss_on: LossOn | undefined): MakeDocument {
  const find = compileColumn(column);
  return (record, where, onChange) => {
    const found = conversationOf(find(record, where), `${where}: column "${column}"`);
    if (typeof found === "string") return found;
    found.changes.forEach(onChange);
    const { messages } = found;
    return { text: plainConversation(messages), messages, ...(loss_on && { loss_on }) };
  };
}

function compileText(options: NamedReading): MakeDocument {
  const { mask_prompt = true } = options;
  const text = toRender(options.text ?? "text");
  const prompt = options.prompt === undefined ? () => "" : toRender(options.prompt);
  return (record, where) => {
    const head = prompt(record, where);
    const body = text(record, where);
    if (BLANK.test(body)) return head === "" ? "with a blank text" : "with a blank answer";
    return {
      text: head + body,
      ...(mask_prompt && head !== "" ? { prompt_length_chars: head.length } : {}),
    };
  };
}

function toRender(source: string | Render): Render {
  return typeof source === "string" ? compileTemplate(source) : source;
}

/** The columns that the documents are made of; undefined if functions make them. */
export function usesOf(
  { messages, text = messages ?? "text", prompt, group, where }: RecordReading,
): ColumnUse[] | undefined {
  const parts = [text, prompt, group].filter((part) => part !== undefined);
  if (typeof where === "function" || !parts.every((part) => typeof part === "string")) {
    return undefined;
  }
  const uses = parts.flatMap(columnsOf);
  return where === undefined ? uses : [...uses, { names: [where.column], is_optional: false }];
}

const LEARNED: Readonly<Record<LossOn, string>> = {
  assistant: "every turn of the assistant",
  last_assistant: "the last turn of the assistant",
  all: "the whole text",
};

/** One sentence for the card. */
export function describeReading(options: RecordReading): string {
  const { messages, loss_on = "assistant", text = "text" } = options;
  const { prompt, mask_prompt = true, examples } = options;
  const shown = (part: string | Render) =>
    typeof part === "string" ? `\`${JSON.stringify(part).slice(1, -1)}\`` : "a text of its columns";
  const parts = messages === undefined
    ? [`one document per record: ${shown(text)}`]
    : [`one conversation per record: ${shown(messages)}, with loss on ${LEARNED[loss_on]}`];
  if (prompt !== undefined) {
    parts.push(`after ${shown(prompt)}, ${mask_prompt ? "without loss" : "with loss"}`);
  }
  if (examples !== undefined) parts.push(`a sample of ${counted(examples, "example")}`);
  return parts.join("; ");
}
