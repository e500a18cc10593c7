/**
 * The `Precompiled` normalizer: the character map of a SentencePiece model.
 *
 * A map is the size of a trie in bytes (uint32), a double-array trie (uint32 units, as in Darts-clone) from UTF-8 keys to
 * places in the texts after it, and these texts, each ended by a zero byte.
 *
 * @module
 */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Longer graphemes, in bytes, are mapped character by character only. */
const LONGEST_GRAPHEME = 5;

/**
 * @param base64 the map.
 * @throws {Error} when it is not a map.
 */
export function precompiled(base64: string): (text: string) => string {
  if (base64 === "") return (text) => text;
  const bytes = bytesOf(base64);
  const trie_bytes = bytes.length < 4 ? Infinity : new DataView(bytes.buffer).getUint32(0, true);
  if (trie_bytes % 4 !== 0 || 4 + trie_bytes > bytes.length) {
    throw new Error("tokenizer.json: the precompiled_charsmap of the normalizer is damaged");
  }
  const trie = new Uint32Array(bytes.slice(4, 4 + trie_bytes).buffer);
  const texts = bytes.subarray(4 + trie_bytes);
  const known = new Map<string, string | undefined>();
  const mapped = (key: string): string | undefined => {
    if (known.has(key)) return known.get(key);
    const place = find(trie, encoder.encode(key));
    const text = place === undefined || place >= texts.length
      ? undefined
      : decoder.decode(texts.subarray(place, texts.indexOf(0, place) >>> 0));
    if (known.size < 65_536) known.set(key, text);
    return text;
  };
  const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
  return (text) => {
    let result = "";
    for (const { segment } of graphemes.segment(text)) {
      const is_short = segment.length === 1 || encoder.encode(segment).length <= LONGEST_GRAPHEME;
      const whole = is_short ? mapped(segment) : undefined;
      if (whole !== undefined) result += whole;
      else for (const character of segment) result += mapped(character) ?? character;
    }
    return result;
  };
}

/** Decodes base64; no bytes if it is none. */
function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    return new Uint8Array();
  }
}

/** The value of the shortest key that the given one begins with. */
function find(trie: Uint32Array, key: Uint8Array): number | undefined {
  const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
  let node = offset(trie[0]);
  for (const byte of key) {
    if (byte === 0) return undefined;
    node ^= byte;
    const unit = trie[node];
    if (unit === undefined || ((unit & 0x8000_00ff) >>> 0) !== byte) return undefined;
    node ^= offset(unit);
    if (unit >>> 8 & 1) return trie[node] & 0x7fff_ffff;
  }
  return undefined;
}
