/**
 * The forward pass over growing texts, with a key/value cache in host memory.
 *
 * Every text has a row, and every token the slot of its position, so a text's computation has the same layout whatever
 * texts share its batch: padding is on the right, in slots and positions that no token sees. Graphs have fixed shapes,
 * so results do not depend on the batch, to the bit.
 *
 * @module
 */
import { type Session, SessionCache, type SessionOptions } from "../engine/mod.ts";
import { type Graph, LOWEST } from "../graph/mod.ts";
import { embeddings, familyOf, type ModelConfig, type Weights } from "../model/mod.ts";
import { likelihoodHeadGraph, logitsHeadGraph, stepGraph } from "./graphs.ts";

/** Tokens of a prompt that are processed at a time. */
const CHUNK = 32;
/** Slots of the smallest cache; a full cache is doubled. */
const MIN_CAPACITY = 64;
/** States whose likelihoods are computed at a time. */
const LIKELIHOOD_ROWS = 64;

export interface DecoderOptions extends Pick<SessionOptions, "threads" | "device"> {
  /** Number of texts that are computed together. */
  readonly batch_size: number;
}

/** Compiles the graphs, one per shape; models with equal configurations share them. */
export class Decoder {
  readonly #sessions: SessionCache;

  constructor(readonly options: DecoderOptions) {
    const { threads, device } = options;
    this.#sessions = new SessionCache({ threads, device });
  }

  /** A batch of empty texts. */
  begin(weights: Weights): DecodingBatch {
    return new DecodingBatch(this, weights);
  }

  /**
   * Logits of the tokens that follow states.
   *
   * @param states float32 [batch_size, D].
   * @returns float32 [batch_size, V].
   * @throws {Error} when they are NaN or infinite.
   */
  async logits({ config, feeds }: Weights, states: Float32Array): Promise<Float32Array> {
    const { batch_size } = this.options;
    const session = await this.session(
      config,
      `logits ${batch_size}`,
      () => logitsHeadGraph(config, batch_size),
    );
    const { output: { name } } = embeddings(config);
    const { logits } = await session.run({ [name]: feeds[name], states });
    checkFinite(logits as Float32Array);
    return logits as Float32Array;
  }

  /**
   * Log-likelihoods of tokens, each given the state before it, in nats.
   *
   * @param states float32 [D] of each token.
   */
  async logLikelihoods(
    { config, feeds }: Weights,
    states: readonly Float32Array[],
    tokens: readonly number[],
  ): Promise<Float64Array> {
    const result = new Float64Array(states.length);
    const { output: { name } } = embeddings(config);
    const session = await this.session(
      config,
      "nll",
      () => likelihoodHeadGraph(config, LIKELIHOOD_ROWS),
    );
    for (let start = 0; start < states.length; start += LIKELIHOOD_ROWS) {
      const count = Math.min(LIKELIHOOD_ROWS, states.length - start);
      const block = new Float32Array(LIKELIHOOD_ROWS * config.hidden_size);
      const labels = new Int32Array(LIKELIHOOD_ROWS);
      for (let i = 0; i < count; i++) {
        block.set(states[start + i], i * config.hidden_size);
        labels[i] = tokens[start + i];
      }
      const inputs = { [name]: feeds[name], states: block, labels };
      const { nll } = await session.run(inputs);
      checkFinite((nll as Float32Array).subarray(0, count));
      for (let i = 0; i < count; i++) result[start + i] = -Number(nll[i]);
    }
    return result;
  }

  session(config: ModelConfig, shape: string, build: () => Graph): Promise<Session> {
    return this.#sessions.get(`${JSON.stringify(config)} ${shape}`, build);
  }

  release(): Promise<void> {
    return this.#sessions.release();
  }
}

/** @throws {Error} when values are NaN or infinite. */
function checkFinite(logits: Float32Array): void {
  // x - x is 0 for finite numbers and NaN for all others; a sum of zeros is 0.
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += logits[i] - logits[i];
  if (sum === 0) return;
  throw new Error(
    "the model's logits are NaN or infinite: its weights overflow; use another checkpoint",
  );
}

/** States [D] of a row's new tokens, in order. */
export type States = readonly Float32Array[];

/** Texts that grow together, one per row. */
export class DecodingBatch {
  /** Tokens of each row so far. */
  readonly lengths: Int32Array;
  readonly #decoder: Decoder;
  readonly #weights: Weights;
  #capacity = MIN_CAPACITY;
  /** float32 [B, K, C, E], with K heads of keys and values, by the name of the graph's input. */
  #cache: Record<string, Float32Array> = {};

  constructor(decoder: Decoder, weights: Weights) {
    this.#decoder = decoder;
    this.#weights = weights;
    this.lengths = new Int32Array(decoder.options.batch_size);
    this.#reserve(MIN_CAPACITY);
  }

  /**
   * Appends tokens to rows: first the whole prompts, then one token at a time.
   *
   * @param tokens new tokens of each row, none where it has ended; at most `batch_size` rows.
   * @returns the final states of all new tokens, by row.
   * @throws {Error} when a text grows beyond the model's positions.
   */
  async append(tokens: readonly ArrayLike<number>[]): Promise<States[]> {
    const states: Float32Array[][] = tokens.map(() => []);
    const longest = Math.max(...tokens.map(({ length }) => length));
    // Prompts are processed in chunks of one size, however short they are: the same shapes for all.
    const length = longest === 1 && this.lengths.some((length) => length > 0) ? 1 : CHUNK;
    for (let start = 0; start < longest; start += length) {
      const part = tokens.map((row) => Array.from(row).slice(start, start + length));
      (await this.#step(part, length)).forEach((found, row) => states[row].push(...found));
    }
    return states;
  }

  async #step(tokens: readonly number[][], length: number): Promise<States[]> {
    const { config, feeds } = this.#weights;
    const { batch_size: rows } = this.#decoder.options;
    this.#reserve(Math.max(...tokens.map((row, b) => this.lengths[b] + row.length)));
    const shape = { rows, length, capacity: this.#capacity };
    const key = `step ${rows} ${length} ${this.#capacity}`;
    const session = await this.#decoder.session(config, key, () => stepGraph(config, shape));
    const results = await session.run({
      ...feeds,
      ...this.#cache,
      ...this.#inputs(tokens, length),
    });
    this.#store(results as Record<string, Float32Array>, tokens, length);
    const final = results.final as Float32Array, D = config.hidden_size;
    return tokens.map((row, b) => {
      this.lengths[b] += row.length;
      return row.map((_, t) => final.slice((b * length + t) * D, (b * length + t + 1) * D));
    });
  }

  #inputs(tokens: readonly number[][], length: number) {
    const { batch_size: rows } = this.#decoder.options;
    const C = this.#capacity;
    const input_ids = new Int32Array(rows * length), positions = new Int32Array(rows * length);
    const past_mask = new Float32Array(rows * C).fill(LOWEST);
    for (let b = 0; b < rows; b++) {
      past_mask.fill(0, b * C, b * C + this.lengths[b]);
      tokens[b]?.forEach((token, t) => {
        input_ids[b * length + t] = token;
        positions[b * length + t] = this.lengths[b] + t;
      });
    }
    return { input_ids, positions, past_mask };
  }

  /** Size of a slot of one layer. */
  #slots(): { heads: number; width: number } {
    const { config } = this.#weights;
    const { num_key_value_heads: heads, head_dim: width } = familyOf(config).attentionShape(config);
    return { heads, width };
  }

  /** Copies keys and values of the new tokens into their slots. */
  #store(results: Record<string, Float32Array>, tokens: readonly number[][], length: number): void {
    const { heads: H, width: E } = this.#slots();
    const C = this.#capacity;
    for (const [name, cache] of Object.entries(this.#cache)) {
      const computed = results[name.slice("past_".length)];
      tokens.forEach((row, b) => {
        for (let h = 0; h < H && row.length > 0; h++) {
          const from = (b * H + h) * length * E, to = ((b * H + h) * C + this.lengths[b]) * E;
          cache.set(computed.subarray(from, from + row.length * E), to);
        }
      });
    }
  }

  /** Makes room for `length` tokens in each row. */
  #reserve(length: number): void {
    const { config } = this.#weights;
    const { max_position_embeddings } = config;
    const { heads: H, width: E } = this.#slots();
    if (length > max_position_embeddings) {
      throw new Error(
        `a text of ${length} tokens is longer than the model's ${max_position_embeddings} positions ` +
          "(max_position_embeddings); shorten it",
      );
    }
    const before = this.#capacity;
    while (this.#capacity < length) this.#capacity *= 2;
    const rows = this.lengths.length * H;
    for (let i = 0; i < config.num_hidden_layers; i++) {
      for (const name of [`past_key.${i}`, `past_value.${i}`]) {
        const old = this.#cache[name];
        if (old && this.#capacity === before) continue;
        const grown = this.#cache[name] = new Float32Array(rows * this.#capacity * E);
        for (let row = 0; old && row < rows; row++) {
          const slots = old.subarray(row * before * E, (row + 1) * before * E);
          grown.set(slots, row * this.#capacity * E);
        }
      }
    }
  }
}
