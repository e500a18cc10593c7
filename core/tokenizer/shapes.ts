/**
 * The shapes of the files of a tokenizer, which other people write. Settings of the parts of a pipeline are checked where
 * a part is made (`pipeline/settings.ts`).
 *
 * @module
 */
import { z } from "zod";

/** More than any vocabulary has; larger ids would be tables of gigabytes. */
const MAX_ID = 2 ** 24 - 1;

const id = z.int().min(0).max(MAX_ID);
const switches = {
  single_word: z.boolean().optional(),
  special: z.boolean().optional(),
  lstrip: z.boolean().optional(),
  rstrip: z.boolean().optional(),
  /** Whether to match it in the normalized text instead of the original. */
  normalized: z.boolean().optional(),
};
const added_token_schema = z.looseObject({ id, content: z.string(), ...switches });

/** A normalizer, pre-tokenizer or decoder. */
const part_schema = z.looseObject({
  type: z.string(),
  add_prefix_space: z.boolean().nullish(),
  use_regex: z.boolean().nullish(),
});

/** An item of a template: a special token, or a text. */
const item_schema = z.looseObject({
  SpecialToken: z.looseObject({ id: z.string(), type_id: z.int() }).optional(),
  Sequence: z.looseObject({ id: z.enum(["A", "B"]), type_id: z.int() }).optional(),
});
const items_schema = z.array(item_schema).refine(
  (items) => items.some(({ Sequence }) => Sequence !== undefined),
  "has no Sequence: the text would be lost",
);
const special_token_schema = z.looseObject({
  id: z.string(),
  ids: z.array(id),
  tokens: z.array(z.string()),
});

/** A post-processor that adds tokens to a text. */
const template_schema = z.looseObject({
  type: z.literal("TemplateProcessing"),
  single: items_schema,
  pair: items_schema,
  special_tokens: z.record(z.string(), special_token_schema),
}).refine(
  ({ single, pair, special_tokens }) =>
    [...single, ...pair].every(({ SpecialToken, Sequence }) =>
      SpecialToken === undefined
        ? Sequence !== undefined
        : Object.hasOwn(special_tokens, SpecialToken.id)
    ),
  "has an item that is neither a Sequence nor one of its special_tokens",
);
export type Template = z.output<typeof template_schema>;

const token_and_id = z.tuple([z.string(), id]);

/** Any post-processor; a template in full. */
const post_processor_schema = z.looseObject({
  type: z.string(),
  get processors() {
    return z.array(post_processor_schema).optional();
  },
  cls: token_and_id.nullish(),
  sep: token_and_id.nullish(),
}).superRefine((part, context) => {
  if (part.type === "Sequence" && part.processors === undefined) {
    context.addIssue({ code: "custom", path: ["processors"], message: "must be a list" });
  }
  if (part.type !== "TemplateProcessing") return;
  const { error } = template_schema.safeParse(part);
  error?.issues.forEach(({ path, message }) => context.addIssue({ code: "custom", path, message }));
});

/** Tokens to ids, or for Unigram tokens with scores in the order of ids. Fast, for it may have a million entries. */
const vocab_schema = z.custom<Record<string, number> | [string, number][]>(
  (vocab) =>
    Array.isArray(vocab)
      ? vocab.every((entry) =>
        Array.isArray(entry) && entry.length === 2 && typeof entry[0] === "string" &&
        typeof entry[1] === "number"
      )
      : typeof vocab === "object" && vocab !== null &&
        Object.values(vocab).every((id) => Number.isInteger(id) && id >= 0 && id <= MAX_ID),
  `must have an id from 0 to ${MAX_ID} for each token, or be a list of tokens with scores`,
);
const merges_schema = z.custom<readonly (string | [string, string])[]>(
  (merges) =>
    Array.isArray(merges) && merges.every((merge) =>
      typeof merge === "string" ||
      Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === "string")
    ),
  "must be a list of pairs of tokens",
);

const model_schema = z.looseObject({
  /** Old files do not name it. */
  type: z.string().optional(),
  vocab: vocab_schema,
  merges: merges_schema.nullish(),
  unk_id: id.nullish(),
  unk_token: z.string().nullish(),
  dropout: z.number().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
}).refine(
  ({ type, vocab }) => type === undefined || (type === "Unigram") === Array.isArray(vocab),
  { path: ["vocab"], error: "must be a list of tokens with scores for Unigram, and ids otherwise" },
).refine(
  ({ unk_id, vocab }) => unk_id == null || !Array.isArray(vocab) || unk_id < vocab.length,
  { path: ["unk_id"], error: "is not in the vocabulary" },
);

/** `tokenizer.json`. */
export const definition_schema = z.looseObject({
  added_tokens: z.array(added_token_schema).optional(),
  normalizer: part_schema.nullish(),
  pre_tokenizer: part_schema.nullish(),
  decoder: part_schema.nullish(),
  post_processor: post_processor_schema.nullish(),
  model: model_schema,
});

const token_setting_schema = z.union([
  z.string(),
  z.looseObject({ content: z.string().optional() }),
]).nullish();

/** `tokenizer_config.json`, and the names of tokens in `special_tokens_map.json`. */
export const settings_schema = z.looseObject({
  eos_token: token_setting_schema,
  bos_token: token_setting_schema,
  tokenizer_class: z.string().nullish(),
  add_bos_token: z.boolean().nullish(),
  chat_template: z.union([
    z.string(),
    z.array(z.looseObject({ name: z.string(), template: z.string() })),
  ]).nullish(),
  added_tokens_decoder: z.record(
    z.string().regex(/^\d{1,9}$/, "must be an id"),
    z.looseObject({ content: z.string(), ...switches }),
  ).nullish(),
});

/** The ids of special tokens in `config.json` and `generation_config.json`: one, several or none; below 0 is none. */
export const ids_schema = z.looseObject({
  eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
  bos_token_id: z.int().nullish(),
  pad_token_id: z.int().nullish(),
});

export type AddedToken = z.output<typeof added_token_schema>;
export type PostProcessor = z.output<typeof post_processor_schema>;
export type Definition = z.output<typeof definition_schema>;
/** How a settings file names a token. */
export type TokenSetting = z.output<typeof token_setting_schema>;
export type Settings = z.output<typeof settings_schema>;
export type ModelIds = z.output<typeof ids_schema>;
