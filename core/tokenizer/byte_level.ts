/**
 * The byte-level alphabet of GPT-2, which GPT-NeoX and Pythia share.
 *
 * @module
 */

/**
 * One printable character for each byte: itself where it is printable, else one from U+0100 on.
 * Index: byte 0…255.
 */
export const BYTE_CHARACTERS: readonly string[] = byteCharacters();

/** Byte of each character of the alphabet. */
export const CHARACTER_BYTES: ReadonlyMap<string, number> = new Map(
  BYTE_CHARACTERS.map((character, byte) => [character, byte]),
);

function byteCharacters(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++),
  );
}
