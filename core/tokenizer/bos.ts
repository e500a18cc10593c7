/**
 * Whether texts begin with a token of their own (BOS), as the tokenizers of Llama do.
 *
 * @module
 */
import { z } from "zod";
import type { Definition, PostProcessor, Settings, Template } from "./shapes.ts";
import { contentOf, idOf } from "./special_tokens.ts";

/** What a recipe says: `auto` follows the tokenizer's files. */
export const bos_schema = z.union([z.literal("auto"), z.boolean()]).default("auto");
export type BosSetting = z.output<typeof bos_schema>;

type Item = Template["single"][number];

/** Ids that the post-processor puts before a text. */
export function prefixIds({ post_processor }: Definition): number[] {
  const template = post_processor && templateOf(post_processor);
  if (!template) return [];
  return leading(template.single).flatMap(({ SpecialToken }) =>
    template.special_tokens[SpecialToken!.id].ids
  );
}

/**
 * A tokenizer whose post-processor, which Hugging Face libraries follow, adds a BOS token or none. With `auto` it adds one
 * if it did, or if `add_bos_token` is true.
 *
 * @returns the definition and the settings; the same objects if nothing changes.
 * @throws {Error} when a BOS token is wanted, and no file names one.
 */
export function withBos<S extends Settings>(
  definition: Definition,
  settings: S,
  bos: BosSetting,
): { definition: Definition; settings: S } {
  const adds = prefixIds(definition).length > 0;
  const wanted = bos === "auto" ? adds || settings.add_bos_token === true : bos;
  const changed = bos === "auto" ? settings : { ...settings, add_bos_token: bos };
  if (wanted === adds) return { definition, settings: changed };
  const content = contentOf(settings.bos_token);
  const id = content === undefined ? undefined : idOf(definition, content);
  if (!wanted) return { definition: replaced(definition, withoutLeading), settings: changed };
  if (content === undefined || id === undefined) {
    if (bos === "auto") return { definition, settings: changed };
    throw new Error(
      `bos is true, but ${
        content === undefined
          ? "no file names a bos_token"
          : `the bos_token "${content}" is unknown`
      }; correct tokenizer_config.json, or set bos to false`,
    );
  }
  const begin = { SpecialToken: { id: content, type_id: 0 } };
  const withBegin = (template: Template): Template => ({
    ...template,
    single: [begin, ...template.single],
    pair: [begin, ...template.pair],
    special_tokens: {
      ...template.special_tokens,
      [content]: { id: content, ids: [id], tokens: [content] },
    },
  });
  return { definition: replaced(definition, withBegin), settings: changed };
}

const SEQUENCES = {
  A: { Sequence: { id: "A", type_id: 0 } },
  B: { Sequence: { id: "B", type_id: 1 } },
} as const;
const EMPTY: Template = {
  type: "TemplateProcessing",
  single: [SEQUENCES.A],
  pair: [SEQUENCES.A, SEQUENCES.B],
  special_tokens: {},
};

/** The template of a post-processor, also of those of BERT and RoBERTa; undefined if it adds no tokens. */
function templateOf(processor: PostProcessor): Template | undefined {
  if (processor.type === "TemplateProcessing") return processor as unknown as Template;
  if (processor.type === "Sequence") {
    return processor.processors!.map(templateOf).find((template) => template !== undefined);
  }
  const { cls, sep } = processor;
  if (!cls || !sep) return undefined;
  const [first, last] = [cls, sep].map(([id]) => ({ SpecialToken: { id, type_id: 0 } }));
  const entry = ([id, number]: readonly [string, number]) => [id, {
    id,
    ids: [number],
    tokens: [id],
  }];
  return {
    ...EMPTY,
    single: [first, SEQUENCES.A, last],
    pair: [
      first,
      SEQUENCES.A,
      last,
      ...(processor.type === "RobertaProcessing" ? [last] : []),
      SEQUENCES.B,
      last,
    ],
    special_tokens: Object.fromEntries([entry(cls), entry(sep)]),
  };
}

function replaced(definition: Definition, change: (template: Template) => Template): Definition {
  const { post_processor } = definition;
  const template = post_processor ? templateOf(post_processor) : undefined;
  const changed: PostProcessor = change(template ?? EMPTY) as unknown as PostProcessor;
  const others = post_processor?.type === "Sequence"
    ? post_processor.processors!.filter((one) => templateOf(one) === undefined)
    : post_processor && template === undefined
    ? [post_processor]
    : [];
  return {
    ...definition,
    post_processor: others.length === 0
      ? changed
      : { type: "Sequence", processors: [...others, changed] },
  };
}

const leading = (items: readonly Item[]) =>
  items.slice(0, items.findIndex(({ Sequence }) => Sequence !== undefined));

function withoutLeading(template: Template): Template {
  const cut = (items: readonly Item[]) => items.slice(leading(items).length);
  return { ...template, single: cut(template.single), pair: cut(template.pair) };
}
