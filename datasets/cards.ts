/**
 * Cards of record sets, read from local files or from the Hugging Face hub, and of datasets made of several.
 *
 * @module
 */
import {
  type Beside,
  type DatasetCard,
  type Document,
  type DocumentOptions,
  type Licence,
  recordCard,
  type RecordPaths,
  type RecordReading,
  requireDocuments,
  type Split,
  textDigest,
} from "@causeway/core/readers";

/** A dataset of records as data: what its card says, how its records are read, and where it is on the hub. */
export interface RecordSet extends RecordReading {
  readonly name: string;
  readonly title: string;
  readonly role: string;
  readonly licence: Licence;
  /** Its files on the hub. Absent if it is not on the hub. */
  readonly hub?: RecordPaths;
  /** For a dataset made of several on the hub: the files of each, and what is read differently. */
  readonly parts?: readonly ({ readonly hub: RecordPaths } & Partial<RecordReading>)[];
  /** Needs `HF_TOKEN`, and access requested on the dataset's page. */
  readonly gated?: boolean;
  /** What "Midtraining Bridges Pretraining and Posttraining Distributions" uses of it. */
  readonly in_paper?: string;
  /** Where the form of the documents comes from, and choices made here. */
  readonly notes?: string;
  /** A page about it. */
  readonly homepage?: string;
}

/** Fields of a card that a recipe can override. */
export type Overrides = Pick<RecordReading, "mask_prompt" | "loss_on" | "max_files">;

/** The card of a dataset read from local files. */
export function cardFromFiles(
  set: RecordSet,
  path: RecordPaths,
  { mask_prompt = set.mask_prompt, loss_on = set.loss_on, max_files }: Overrides,
  beside?: Beside,
): DatasetCard {
  return recordCard({
    ...set,
    path,
    ...(beside && { beside }),
    ...(mask_prompt === undefined ? {} : { mask_prompt }),
    ...(loss_on === undefined ? {} : { loss_on }),
    ...(max_files === undefined ? {} : { max_files }),
  });
}

/** The card of a dataset read from the hub. @throws {Error} when it is not on the hub. */
export function cardFromHub(set: RecordSet, overrides: Overrides): DatasetCard {
  if (set.hub !== undefined) return cardFromFiles(set, set.hub, overrides);
  if (set.parts === undefined) {
    throw new Error(
      `dataset "${set.name}" is not on the Hugging Face hub; set --data-root (CAUSEWAY_DATA_ROOT) to a folder ` +
        `with its files, e.g. ${set.name}/train.jsonl`,
    );
  }
  const cards = set.parts.map((part) => cardFromFiles({ ...set, ...part }, part.hub, overrides));
  return composeCard(set, cards.map((card, i) => ({ name: `part ${i + 1}`, card })));
}

/** One dataset inside another. */
export interface Part {
  /** Prefix of the ids of its documents. */
  readonly name: string;
  readonly card: DatasetCard;
  /** Uses only documents outside its validation split, all for training. */
  readonly train_only?: boolean;
}

type Header = Pick<DatasetCard, "name" | "title" | "role" | "licence">;

/**
 * Concatenates datasets.
 *
 * @param notice logged when documents are read.
 */
export function composeCard(
  { name, title, role, licence }: Header,
  parts: readonly Part[],
  notice?: string,
): DatasetCard {
  return {
    name,
    title,
    role,
    source: { origins: parts.flatMap(({ card }) => card.source.origins) },
    licence,
    reading: parts.map((part) => `${part.name}: ${part.card.reading}`).join("; "),
    revision(options) {
      const revisions = parts.map(({ card }) => card.revision(options));
      const fold = (known: readonly string[]) =>
        `sha256:${
          textDigest(JSON.stringify(parts.map((part, i) => [part.name, part.train_only, known[i]])))
        }`;
      return revisions.every((revision) => typeof revision === "string")
        ? fold(revisions)
        : Promise.all(revisions).then(fold);
    },
    documents: (options) => requireDocuments(name, readParts(parts, notice, options)),
  };
}

async function* readParts(
  parts: readonly Part[],
  notice: string | undefined,
  options: DocumentOptions | undefined,
): AsyncGenerator<Document> {
  if (notice !== undefined) options?.log?.(notice);
  for (const { name, card, train_only = false } of parts) {
    for await (const document of card.documents(options)) {
      if (train_only && document.split === "validation") continue;
      const split: { split?: Split } = train_only ? { split: "train" } : {};
      yield { ...document, id: `${name}/${document.id}`, ...split };
    }
  }
}
