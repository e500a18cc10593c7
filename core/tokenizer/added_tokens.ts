/**
 * Finding added tokens in UTF-8 text.
 *
 * @module
 */

/**
 * A trie of tokens. Of tokens that begin at the same place the longest is found, and of those that overlap the one
 * that begins first (leftmost-longest, as the Rust library's).
 */
export class TokenFinder {
  /** For each node 256 children (0: none). Node 0 is the root, which is nobody's child. */
  readonly #children: Int32Array;
  /** For each node the id of the token that ends there, or -1. */
  readonly #ids: Int32Array;
  /** Where the token that was found lies, and its id. */
  start = 0;
  end = 0;
  id = -1;

  constructor(tokens: readonly { id: number; content: string }[]) {
    const encoder = new TextEncoder();
    const nodes: { children: Map<number, number>; id: number }[] = [];
    const newNode = () => nodes.push({ children: new Map(), id: -1 }) - 1;
    newNode();
    for (const { id, content } of tokens) {
      let node = 0;
      for (const byte of encoder.encode(content)) {
        const child = nodes[node].children.get(byte) ?? newNode();
        nodes[node].children.set(byte, child);
        node = child;
      }
      nodes[node].id = id;
    }
    this.#ids = Int32Array.from(nodes, ({ id }) => id);
    this.#children = new Int32Array(256 * nodes.length);
    for (const [node, { children }] of nodes.entries()) {
      for (const [byte, child] of children) this.#children[256 * node + byte] = child;
    }
  }

  /** Whether there are no tokens to be found. */
  get is_empty(): boolean {
    return this.#ids.length === 1;
  }

  /**
   * Looks for the first token from `at` on.
   *
   * @returns whether there is one; then {@linkcode start}, {@linkcode end} and {@linkcode id} tell of it.
   */
  find(bytes: Uint8Array, at: number, end: number): boolean {
    const children = this.#children;
    for (let start = at; start < end; start++) {
      if (children[bytes[start]] !== 0 && this.#matchAt(bytes, start, end)) return true;
    }
    return false;
  }

  /** The longest token that begins at `start`. */
  #matchAt(bytes: Uint8Array, start: number, end: number): boolean {
    let found = false;
    for (let node = 0, at = start; at < end;) {
      node = this.#children[256 * node + bytes[at++]];
      if (node === 0) break;
      if (this.#ids[node] < 0) continue;
      found = true;
      this.start = start;
      this.end = at;
      this.id = this.#ids[node];
    }
    return found;
  }
}
