/**
 * The optimizer: its config, and AdamW over flat parameter arrays, in place, piece by piece.
 *
 * @module
 */
import { z } from "zod";
import { partOf } from "../batches/mod.ts";
import { sumOfSquares, updateAdamW } from "../engine/mod.ts";
import type { GroupName, ParameterArrays } from "../model/mod.ts";
import type { Ranks } from "../stage/mod.ts";
import { NonFiniteError, type TrainingArrays } from "./trainer.ts";
import { move } from "./weight_average.ts";

/** Settings by name, where they differ from the defaults of the fields. */
const PRESETS = {
  /** `torch.optim.AdamW(parameters, lr)` and nothing else: what the authors' code fine-tunes with. */
  torch_default: {
    beta2: 0.999,
    weight_decay: 0.01,
    decay_scope: "all",
    max_grad_norm: null,
  },
} as const;

const optimizer = z.strictObject({
  /** "torch_default": those of `torch.optim.AdamW` (0.9, 0.999, 1e-8, decay 0.01 of all parameters), without clipping. */
  preset: z.enum(["torch_default"]).optional(),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.95),
  epsilon: z.number().positive().default(1e-8),
  weight_decay: z.number().nonnegative().default(0.1),
  /** "matrices" does not decay biases and norms, "all" decays every parameter. */
  decay_scope: z.enum(["matrices", "all"]).default("matrices"),
  /** Gradients are scaled down to this global norm; null: never. */
  max_grad_norm: z.number().positive().nullable().default(1),
});

/**
 * Defaults are the paper's, except for `decay_scope`: its LitGPT fork does "all". A preset has defaults of its own; fields
 * that are set replace them.
 */
export const optimizer_schema = z.preprocess(withPreset, optimizer) as unknown as z.ZodType<
  z.output<typeof optimizer>,
  z.input<typeof optimizer>
>;

function withPreset(given: unknown): unknown {
  const preset = (given as { preset?: unknown } | null | undefined)?.preset;
  return preset === "torch_default" ? { ...PRESETS[preset], ...given as object } : given;
}

export type OptimizerConfig = z.output<typeof optimizer>;

/** What gradients are multiplied by, as torch.nn.utils.clip_grad_norm_: min(1, c / (norm + 1e-6)). */
export function clipFactor(grad_norm: number, max_grad_norm: number | null): number {
  return max_grad_norm === null ? 1 : Math.min(1, max_grad_norm / (grad_norm + 1e-6));
}

/** What an update leaves or draws back. */
export interface Constraints {
  /** Names of parameters that are not updated. */
  readonly frozen?: ReadonlySet<string>;
  /** p ← p - learning rate · decay · (p - weights), before the update. */
  readonly start?: { readonly decay: number; readonly weights: ParameterArrays };
}

/** Elements per piece: what ranks divide among themselves, and send to each other at a time. */
const PIECE = 1 << 19;

interface Piece {
  group: GroupName;
  start: number;
  end: number;
}

/** Stretches of a group's flat array whose parameters are trained: the whole of it where none is frozen. */
function trainedStretches(
  { groups, views }: ParameterArrays,
  group: GroupName,
  frozen: ReadonlySet<string>,
): [start: number, end: number][] {
  const stretches: [number, number][] = [];
  const base = groups[group].byteOffset;
  for (const [name, view] of views) {
    if (frozen.has(name) || view.buffer !== groups[group].buffer || view.length === 0) continue;
    const start = (view.byteOffset - base) / view.BYTES_PER_ELEMENT;
    const last = stretches.at(-1);
    if (last?.[1] === start) last[1] += view.length;
    else stretches.push([start, start + view.length]);
  }
  return stretches;
}

const elements = (arrays: ParameterArrays, { group, start, end }: Piece) =>
  arrays.groups[group].subarray(start, end);

/**
 * The optimizer's state.
 *
 * With ranks, each updates only its own pieces and sends the others the new parameters (ZeRO stage 1: Rajbhandari et
 * al., 2020). The moments of other ranks' pieces are never touched, so they use no physical memory.
 */
export class AdamW {
  readonly parameters: ParameterArrays;
  /** First and second moments. */
  readonly m: ParameterArrays;
  readonly v: ParameterArrays;
  /** Steps taken so far: t of the bias corrections. */
  steps: number;
  /** In order; each rank has a contiguous part of them. */
  readonly #pieces: Piece[];
  readonly #own: readonly Piece[];

  /** @param constraints what is frozen, and what weights decay to besides 0. */
  constructor(
    { parameters, m, v, steps }: TrainingArrays,
    readonly config: OptimizerConfig,
    private readonly ranks?: Ranks,
    private readonly constraints: Constraints = {},
  ) {
    this.parameters = parameters;
    this.m = m;
    this.v = v;
    this.steps = steps;
    const { frozen = new Set() } = constraints;
    const groups = Object.keys(parameters.groups) as GroupName[];
    this.#pieces = groups.flatMap((group) =>
      trainedStretches(parameters, group, frozen).flatMap(([start, end]) =>
        Array.from({ length: Math.ceil((end - start) / PIECE) }, (_, i) => ({
          group,
          start: start + i * PIECE,
          end: Math.min(end, start + (i + 1) * PIECE),
        }))
      )
    );
    this.#own = ranks ? partOf(this.#pieces, ranks) : this.#pieces;
  }

  /**
   * Updates the parameters from a gradient.
   *
   * @returns the global gradient norm before clipping.
   * @throws {NonFiniteError} when the gradient is not finite; then nothing is changed.
   */
  step(gradient: ParameterArrays, learning_rate: number): number {
    const norm = this.#norm(gradient);
    if (!Number.isFinite(norm)) throw NonFiniteError.atStep(this.steps);
    const { beta1, beta2, epsilon, max_grad_norm, weight_decay } = this.config;
    const t = ++this.steps;
    const factors = {
      beta1,
      gain1: 1 - beta1,
      beta2,
      gain2: 1 - beta2,
      clip: clipFactor(norm, max_grad_norm),
      step_size: learning_rate / (1 - beta1 ** t),
      root2: Math.sqrt(1 - beta2 ** t),
      epsilon,
    };
    const { start } = this.constraints;
    for (const piece of this.#own) {
      if (start) {
        const towards = learning_rate * start.decay;
        move(elements(this.parameters, piece), elements(start.weights, piece), towards);
      }
      const [param, grad, m, v] = [this.parameters, gradient, this.m, this.v]
        .map((arrays) => elements(arrays, piece));
      const keep = piece.group === "decay" ? 1 - learning_rate * weight_decay : 1;
      updateAdamW({ param, grad, m, v }, { ...factors, keep });
    }
    this.#share((piece) => elements(this.parameters, piece));
    return norm;
  }

  /** The state, complete on rank 0. All ranks have to call it; the others have the moments of their own pieces only. */
  arrays(): TrainingArrays {
    const { parameters, m, v, steps, ranks } = this;
    const scratch = new Float32Array(ranks && ranks.rank > 0 ? PIECE : 0);
    for (const moment of [m, v]) {
      this.#share((piece, owner) => {
        const is_wanted = ranks!.rank === 0 || ranks!.rank === owner;
        return is_wanted ? elements(moment, piece) : scratch.subarray(0, piece.end - piece.start);
      });
    }
    return { parameters, m, v, steps };
  }

  /** Broadcasts each piece from its owner. */
  #share(memory: (piece: Piece, owner: number) => Float32Array): void {
    const { ranks } = this;
    for (let owner = 0; owner < (ranks?.size ?? 0); owner++) {
      for (const piece of partOf(this.#pieces, { rank: owner, size: ranks!.size })) {
        const data = memory(piece, owner);
        ranks!.broadcast(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), owner);
      }
    }
  }

  #norm(gradient: ParameterArrays): number {
    const total = new Float64Array(1);
    for (const piece of this.#own) total[0] += sumOfSquares(elements(gradient, piece));
    this.ranks?.allReduceSum(total);
    return Math.sqrt(total[0]);
  }
}
