/**
 * One dataset made of several.
 *
 * @module
 */
import {
  type DatasetCard,
  type Document,
  type DocumentOptions,
  requireDocuments,
  type Split,
  textDigest,
} from "../core/readers/mod.ts";

/** One dataset within another. */
export interface Part {
  /** Stands before the ids of its documents. */
  readonly name: string;
  readonly card: DatasetCard;
  /** Takes only what is not held out, and puts all of it into the training split. */
  readonly train_only?: boolean;
}

type Header = Pick<DatasetCard, "name" | "title" | "role" | "licence">;

/**
 * Puts datasets together, one after the other.
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
    revision() {
      const revisions = parts.map(({ card }) => card.revision());
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
