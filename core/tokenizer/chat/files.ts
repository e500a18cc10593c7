/**
 * Chat templates in the files of a tokenizer, and those of our own for tokenizers without one.
 *
 * @module
 */
import { parseJsonFile } from "../../config/mod.ts";
import { prefixIds } from "../bos.ts";
import { parseDefinition } from "../definition.ts";
import {
  COMPANION_FILES,
  completeFiles,
  readTexts,
  type TokenizerFiles,
  type TokenizerSource,
} from "../files.ts";
import { type Definition, type Settings, settings_schema } from "../shapes.ts";
import { contentOf, type FileTexts, idOf } from "../special_tokens.ts";
import { ChatTemplate } from "./template.ts";

/** A file with the template, which transformers takes before that in `tokenizer_config.json`. */
const [TEMPLATE_FILE] = COMPANION_FILES;

/** What `chat_template` of a recipe may name beside a template of the tokenizer's own. */
export const OWN_TEMPLATES = ["plain", "chatml"] as const;

/** A conversation as plain text, in which the end-of-text token ends an answer; for any tokenizer. */
const PLAIN = `
{%- for message in messages -%}
{%- if not loop.first %}{{ '\\n\\n' }}{% endif -%}
{%- if message.role == 'system' -%}
{{ message.content }}
{%- elif message.role == 'user' -%}
{{ 'User: ' + message.content }}
{%- else -%}
{{ 'Assistant:' }}{% generation %}{{ ' ' + message.content + eos_token }}{% endgeneration %}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '\\n\\nAssistant:' }}{% endif -%}
`;

/** ChatML, for tokenizers with its tokens. */
const CHATML = `
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' }}
{%- if message.role == 'assistant' -%}
{% generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}
{%- else -%}
{{ message.content + '<|im_end|>' }}
{%- endif -%}
{{ '\\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif -%}
`;
const CHATML_TOKENS = ["<|im_start|>", "<|im_end|>"];

/** The templates of a tokenizer by name; that without a name is "default". */
export function chatTemplates(texts: FileTexts): Map<string, string> {
  const config = texts["tokenizer_config.json"];
  const given = config === undefined ? undefined : settingsOf(config).chat_template;
  const named = typeof given === "string" ? [{ name: "default", template: given }] : given ?? [];
  const found = new Map(named.map(({ name, template }) => [name, template]));
  const file = texts[TEMPLATE_FILE];
  if (file !== undefined) found.set("default", file);
  return found;
}

/**
 * The chat template of a tokenizer.
 *
 * @param texts of `tokenizer.json`, `tokenizer_config.json` and, where there is one, `chat_template.jinja`.
 * @returns undefined where there is none named "default".
 * @throws {Error} when it is not valid Jinja.
 */
export function chatTemplateOf(texts: FileTexts): ChatTemplate | undefined {
  const source = chatTemplates(texts).get("default");
  if (source === undefined) return undefined;
  const definition = parseDefinition(texts["tokenizer.json"]!);
  const settings = settingsOf(texts["tokenizer_config.json"] ?? "{}");
  return new ChatTemplate(
    source,
    variablesOf(settings),
    controlTokens(definition, settings, source),
  );
}

/** The chat template of a folder or an artifact; undefined where there is none. @throws like {@linkcode chatTemplateOf}. */
export async function openChatTemplate(source: TokenizerSource): Promise<ChatTemplate | undefined> {
  const texts = await readTexts(source);
  return chatTemplateOf({ ...texts, ...completeFiles(texts) });
}

/**
 * A tokenizer with a template, in `tokenizer_config.json`, where transformers and transformers.js find it.
 *
 * @param chosen "plain", "chatml", the name of a template that the tokenizer has, or a template; undefined: that which it
 *   has, else ChatML where it has the tokens of it, else plain.
 * @param texts all files of the tokenizer.
 * @throws {Error} when there is no such template, or it is not valid Jinja.
 */
export function withChatTemplate(
  files: TokenizerFiles,
  chosen: string | undefined,
  texts: FileTexts = files,
): TokenizerFiles {
  const given = chatTemplates(texts);
  if (chosen === undefined && given.has("default")) return files;
  const definition = parseDefinition(files["tokenizer.json"]);
  const source = sourceOf(chosen, given, definition);
  const settings = settingsOf(files["tokenizer_config.json"]);
  const changed = { ...settings, chat_template: source };
  const result = {
    "tokenizer.json": files["tokenizer.json"],
    "tokenizer_config.json": JSON.stringify(changed, null, 2) + "\n",
  };
  chatTemplateOf(result);
  return result;
}

/** The id of the token that ends an answer; undefined without a template that writes one. */
export function endOfTurnId(texts: FileTexts, definition: Definition): number | undefined {
  try {
    const token = chatTemplateOf(texts)?.endOfTurn();
    return token === undefined ? undefined : idOf(definition, token);
  } catch {
    // Only conversations need the template, and they say what is wrong with it.
    return undefined;
  }
}

function sourceOf(
  chosen: string | undefined,
  given: ReadonlyMap<string, string>,
  definition: Definition,
): string {
  const has_chatml = CHATML_TOKENS.every((token) => idOf(definition, token) !== undefined);
  const name = chosen ?? (has_chatml ? "chatml" : "plain");
  const own = given.get(name);
  if (own !== undefined) return own;
  if (/[{\n]/.test(name)) return name;
  if (name === "chatml" && !has_chatml) {
    throw new Error(
      `chat_template "chatml" needs the tokens ${
        CHATML_TOKENS.join(" and ")
      }, which the tokenizer ` +
        'lacks; choose "plain", or a template with tokens that it has',
    );
  }
  if (name === "chatml") return CHATML.trim();
  if (name !== "plain") {
    const known = [...new Set([...given.keys(), ...OWN_TEMPLATES])].join(", ");
    throw new Error(
      `no chat template "${name}"; the names are ${known}, and a text with {{ … }} is a template`,
    );
  }
  const begin = prefixIds(definition).length > 0 ? "{{ bos_token }}" : "";
  return begin + PLAIN.trim();
}

function settingsOf(config: string): Settings {
  return parseJsonFile(config, "tokenizer_config.json", settings_schema);
}

/** Special tokens that a template can name. */
function variablesOf(settings: Settings): Record<string, string> {
  const tokens = Object.entries(settings).filter(([key]) => /^[a-z]+_token$/.test(key));
  return Object.fromEntries(tokens.flatMap(([key, token]) => {
    const is_token = typeof token === "string" || typeof token === "object";
    const content = is_token ? contentOf(token as string) : undefined;
    return typeof content === "string" ? [[key, content]] : [];
  }));
}

/** Texts of the tokens that control a model: the special ones, the end of text, and those that the template writes. */
function controlTokens(
  { added_tokens = [] }: Definition,
  settings: Settings,
  source: string,
): string[] {
  const eos = contentOf(settings.eos_token);
  return added_tokens.filter(({ special, content }) =>
    special || content === eos || (content.trim() !== "" && source.includes(content))
  ).map(({ content }) => content);
}
