/**
 * Rotary position embedding: its settings in every spelling of `config.json`, and the frequencies they give.
 *
 * A value is read as transformers 5 reads it. Its other spellings in the same file must agree with it: versions and
 * libraries differ in which of two values they take, so a contradiction is refused.
 *
 * @module
 */
import { z } from "zod";
import { parseFields } from "./config_json.ts";

const factor = z.number().min(1);
const length = z.number().int().positive();

const linear_schema = z.strictObject({
  /** Kind of scaling: `linear`, `llama3` or `yarn`. */
  rope_type: z.literal("linear"),
  /** How many times longer texts get. */
  factor,
});

const llama3_schema = z.strictObject({
  /** Low frequencies are divided by the factor, high ones kept, as in Llama 3.1. */
  rope_type: z.literal("llama3"),
  /** How many times longer texts get. */
  factor,
  /** Pairs that turn less often than this in the original length are divided by the factor. */
  low_freq_factor: z.number().positive(),
  /** Pairs that turn more often than this in the original length are kept. */
  high_freq_factor: z.number().positive(),
  /** Longest text of pretraining, in tokens. */
  original_max_position_embeddings: length,
});

const yarn_schema = z.strictObject({
  /** YaRN (Peng et al., 2023). */
  rope_type: z.literal("yarn"),
  /** How many times longer texts get. */
  factor,
  /** Longest text of pretraining, in tokens. */
  original_max_position_embeddings: length,
  /** Factor of cos and sin; 0.1 ln(factor) + 1 by default. */
  attention_factor: z.number().positive().optional(),
  /** Pairs that turn more often than this in the original length are kept; 32 by default. */
  beta_fast: z.number().positive().optional(),
  /** Pairs that turn less often than this in the original length are divided by the factor; 1 by default. */
  beta_slow: z.number().positive().optional(),
  /** With `mscale_all_dim`, another default of `attention_factor`: the quotient of both, each in place of 1 in 0.1 ln(factor). */
  mscale: z.number().optional(),
  /** See `mscale`. */
  mscale_all_dim: z.number().optional(),
  /** Whether the bounds of the pairs that are interpolated are whole numbers; they are by default. */
  truncate: z.boolean().optional(),
});

/** Scaling of the frequencies for texts longer than those of pretraining, by `rope_type`. "linear": Chen et al., 2023. */
export const rope_scaling_schema = z.discriminatedUnion("rope_type", [
  linear_schema,
  llama3_schema,
  yarn_schema,
], {
  error: ({ input }) =>
    `rope_type ${
      JSON.stringify((input as { rope_type?: unknown })?.rope_type)
    } is not supported; supported: ` +
    '"default", "linear", "llama3" and "yarn"',
});

export type RopeScaling = z.output<typeof rope_scaling_schema>;

type Fields = Readonly<Record<string, unknown>>;

/** How a family names its settings at the top level of `config.json`, and their defaults. */
export interface RopeNames {
  readonly base: string;
  /** Undefined where whole heads are rotated. */
  readonly share?: { readonly name: string; readonly default: number };
}

const DEFAULT_BASE = 10000;
/** All names of the base and of the rotated share. */
const BASE_NAMES = ["rope_theta", "rotary_emb_base"];
const SHARE_NAMES = ["partial_rotary_factor", "rotary_pct"];
/** Settings of no effect on the values. */
const NO_EFFECT = new Set(["finetuned"]);

/** Rotary settings of a configuration. */
export interface RopeSettings {
  readonly base: unknown;
  readonly share: unknown;
  /** Undefined for "default". */
  readonly rope_scaling?: RopeScaling;
}

/**
 * Reads the settings: `rope_parameters` of transformers 5, `rope_scaling` of earlier versions, and fields at the top level.
 *
 * @param origin where they came from, for messages.
 * @throws {Error} where two spellings contradict each other, a type is unknown, or a field is missing or unknown.
 */
export function readRope(given: Fields, names: RopeNames, origin: string): RopeSettings {
  const where = givenName(given);
  const rope = ropeObject(given, origin);
  const base = agreed(given, rope, origin, {
    names: BASE_NAMES,
    own: names.base,
    key: "rope_theta",
    otherwise: DEFAULT_BASE,
  });
  const share = agreed(given, rope, origin, {
    names: SHARE_NAMES,
    own: names.share?.name ?? "partial_rotary_factor",
    key: "partial_rotary_factor",
    otherwise: names.share?.default ?? 1,
  });
  if (names.share === undefined && share !== 1) {
    throw new Error(`${origin}: partial_rotary_factor is ${share}, only 1 is supported`);
  }
  const type = typeOf(rope, `${origin}: ${where}`);
  const own = Object.entries(rope).filter(([key, value]) =>
    value !== null && value !== undefined && !NO_EFFECT.has(key) &&
    ![...BASE_NAMES, ...SHARE_NAMES, "type", "rope_type"].includes(key)
  );
  const fields = Object.fromEntries(own);
  if (type === "default") {
    if (own.length === 0) return { base, share };
    throw new Error(
      `${origin}: ${where} has ${
        own.map(([key]) => key).join(", ")
      }, which rope_type "default" does not use; ` +
        "name the rope_type, or remove them",
    );
  }
  if (type === "llama3" || type === "yarn") addOriginalLength(fields, given, origin, where);
  const scaling = parseFields(rope_scaling_schema, { rope_type: type, ...fields }, origin, where);
  if (scaling.rope_type === "llama3" && scaling.high_freq_factor <= scaling.low_freq_factor) {
    throw new Error(`${origin}: ${where}: high_freq_factor must be larger than low_freq_factor`);
  }
  return { base, share, rope_scaling: scaling };
}

const givenName = ({ rope_parameters }: Fields) =>
  rope_parameters ? "rope_parameters" : "rope_scaling";

/** `rope_parameters` or `rope_scaling`; if both are there, they must be equal. */
function ropeObject({ rope_parameters, rope_scaling }: Fields, origin: string): Fields {
  // transformers takes one of two objects as a whole, and an empty one as none.
  const objects = [rope_parameters, rope_scaling].map((value) =>
    value && (typeof value !== "object" || Object.keys(value).length > 0) ? value : undefined
  );
  const wrong = objects.find((value) =>
    value !== undefined && (typeof value !== "object" || Array.isArray(value))
  );
  if (wrong !== undefined) {
    throw new Error(`${origin}: ${givenName({ rope_parameters })} must be an object`);
  }
  const [first, second] = objects as (Fields | undefined)[];
  if (first && second) {
    const [a, b] = [first, second].map(({ type, ...rest }) =>
      ({ rope_type: type, ...rest }) as Fields
    );
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      if ((a[key] ?? undefined) === (b[key] ?? undefined)) continue;
      const [x, y] = [a, b].map((object) => JSON.stringify(object[key]) ?? "not there");
      throw new Error(
        `${origin}: rope_parameters.${key} is ${x}, but rope_scaling.${key} is ${y}; remove the wrong one`,
      );
    }
  }
  // Layers of different types have an object each.
  const nested = Object.entries({ ...second, ...first }).find(([, value]) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
  );
  if (nested) {
    throw new Error(`${origin}: different settings by layer (${nested[0]}) are not supported`);
  }
  return { ...second, ...first };
}

/** The value of a setting as transformers 5 reads it, if its other spellings agree. */
function agreed(
  given: Fields,
  rope: Fields,
  origin: string,
  { names, own, key, otherwise }: { names: string[]; own: string; key: string; otherwise: number },
): unknown {
  const value = rope[key] ?? given[own] ?? otherwise;
  const spelled = [
    ...names.map((name) => [`${givenName(given)}.${name}`, rope[name]] as const),
    ...names.map((name) => [name, given[name]] as const),
  ].filter(([, other]) => other !== undefined && other !== null);
  const other = spelled.find(([, other]) => other !== value);
  if (other === undefined) return value;
  const taken = spelled.find(([, same]) => same === value)?.[0];
  throw new Error(
    taken === undefined
      ? `${origin}: ${other[0]} is ${other[1]}, but a model of this type names it ${own}`
      : `${origin}: ${taken} is ${value}, but ${other[0]} is ${other[1]}; remove the wrong one`,
  );
}

function typeOf({ rope_type, type }: Fields, where: string): unknown {
  const [first, second] = [rope_type ?? type, type ?? rope_type];
  if (first === second) return first ?? "default";
  throw new Error(
    `${where}.rope_type is ${JSON.stringify(first)}, but ${where}.type is ${
      JSON.stringify(second)
    }; remove the wrong one`,
  );
}

/** The length of pretraining may be at the top level, and is `max_position_embeddings` by default. */
function addOriginalLength(
  fields: Record<string, unknown>,
  given: Fields,
  origin: string,
  where: string,
) {
  const key = "original_max_position_embeddings", outer = given[key] ?? undefined;
  if (outer !== undefined && fields[key] !== undefined && outer !== fields[key]) {
    throw new Error(
      `${origin}: ${where}.${key} is ${fields[key]}, but ${key} is ${outer}; remove the wrong one`,
    );
  }
  fields[key] ??= outer ?? given.max_position_embeddings;
}

/** What the rotation of a head needs. */
export interface Rotary {
  /** Dimensions of a head that are rotated, an even number. */
  readonly rotary_dim: number;
  readonly rotary_base: number;
  readonly rope_scaling?: RopeScaling;
}

/** Angles of a head's pairs: position t has the angle t / divisors[j] in pair j. */
export interface RotaryAngles {
  /** [R/2] */
  readonly divisors: Float64Array;
  /** Factor of cos and sin, which scales the scores of attention by its square. */
  readonly scale: number;
}

/**
 * Divisors base^(2j/R), or those of scaled positions. Formulas of transformers' `modeling_rope_utils.py`, in float64.
 */
export function rotaryAngles({ rotary_dim: R, rotary_base, rope_scaling }: Rotary): RotaryAngles {
  const plain = Float64Array.from({ length: R / 2 }, (_, j) => rotary_base ** (2 * j / R));
  switch (rope_scaling?.rope_type) {
    case undefined:
      return { divisors: plain, scale: 1 };
    case "linear":
      return { divisors: plain.map((divisor) => divisor * rope_scaling.factor), scale: 1 };
    case "llama3":
      return { divisors: plain.map((divisor) => llama3Divisor(divisor, rope_scaling)), scale: 1 };
    case "yarn":
      return yarnAngles(plain, rotary_base, rope_scaling);
  }
}

/** Wavelengths above L / low are divided by the factor, those below L / high kept, and interpolated between. */
function llama3Divisor(divisor: number, scaling: RopeScaling & { rope_type: "llama3" }): number {
  const { factor, low_freq_factor: low, high_freq_factor: high } = scaling;
  const turns = scaling.original_max_position_embeddings / (2 * Math.PI * divisor);
  const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
  return divisor / ((1 - kept) / factor + kept);
}

/** Pairs that turn more often than `beta_fast` in the original length are kept, those below `beta_slow` divided. */
function yarnAngles(
  plain: Float64Array,
  base: number,
  scaling: RopeScaling & { rope_type: "yarn" },
): RotaryAngles {
  const { factor, original_max_position_embeddings: L, truncate = true } = scaling;
  const R = 2 * plain.length, fast = scaling.beta_fast ?? 32, slow = scaling.beta_slow ?? 1;
  const pairOf = (turns: number) => R * Math.log(L / (turns * 2 * Math.PI)) / (2 * Math.log(base));
  const [from, to] = [pairOf(fast), pairOf(slow)];
  const low = Math.max(truncate ? Math.floor(from) : from, 0);
  const high = Math.min(truncate ? Math.ceil(to) : to, R - 1);
  const width = high === low ? 0.001 : high - low;
  const divisors = plain.map((divisor, j) => {
    const kept = 1 - Math.min(1, Math.max(0, (j - low) / width));
    return divisor / ((1 - kept) / factor + kept);
  });
  return { divisors, scale: scaling.attention_factor ?? yarnScale(scaling) };
}

function yarnScale(
  { factor, mscale, mscale_all_dim }: RopeScaling & { rope_type: "yarn" },
): number {
  const scaleOf = (weight: number) => factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
  return mscale && mscale_all_dim ? scaleOf(mscale) / scaleOf(mscale_all_dim) : scaleOf(1);
}
