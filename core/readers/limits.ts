/**
 * Limits on what a file may grow to while it is read, so that a damaged or hostile file ends in an error
 * and not in exhausted memory.
 *
 * @module
 */

export interface Limits {
  /** Longest record, in bytes as stored after decompression: a line, a text file, a JSON array. */
  readonly max_record_bytes: number;
  /** Largest size of one compressed file, archive entry or page after decompression. */
  readonly max_expanded_bytes: number;
  /**
   * Largest ratio of expanded to compressed bytes, asked of everything that expands to more than 64 MiB.
   * Repetitive JSON reaches 300; deflate cannot exceed 1032, which bombs come close to.
   */
  readonly max_expansion: number;
}

export const DEFAULT_LIMITS: Limits = {
  max_record_bytes: 64 * 2 ** 20,
  max_expanded_bytes: 256 * 2 ** 30,
  max_expansion: 600,
};

/** Expanding to less is harmless at any ratio. */
const HARMLESS_BYTES = 64 * 2 ** 20;

/** A fault of a stream of bytes, whose place in records only the reader above knows. */
export class StreamFault extends Error {}

/**
 * Refuses what expands too far.
 *
 * @param compressed bytes read so far, or as declared.
 * @param expanded bytes that they expand to.
 * @throws {StreamFault} naming the limit to raise.
 */
export function checkExpansion(limits: Limits, compressed: number, expanded: number): void {
  if (expanded > limits.max_expanded_bytes) {
    throw new StreamFault(
      `expands to more than ${limits.max_expanded_bytes} bytes; raise max_expanded_bytes if it is to be trusted`,
    );
  }
  if (expanded > HARMLESS_BYTES && expanded > limits.max_expansion * compressed) {
    throw new StreamFault(
      `expands to more than ${limits.max_expansion} times its size, as a decompression bomb does; raise max_expansion if it is to be trusted`,
    );
  }
}
