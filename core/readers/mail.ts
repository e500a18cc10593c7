/**
 * The readable body of an internet mail message (RFC 5322, MIME).
 *
 * @module
 */
import PostalMime from "postal-mime";

/**
 * Takes the plain text out of a message: headers, attachments and the HTML form of a text are left out;
 * base64, quoted-printable and the declared character set are decoded. A further HTML part that follows
 * plain text, as some mailing lists add one, is turned into text.
 *
 * @param message the message as stored, with or without the `From …` line of an mbox.
 * @returns "" when the message has no plain-text part.
 */
export async function mailText(message: Uint8Array): Promise<string> {
  const parsed = await PostalMime.parse(withoutMboxLine(message));
  return tidy(parsed.text ?? "");
}

/** `From sender date` before the headers belongs to the mailbox and is not a header. */
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
