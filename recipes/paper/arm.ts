/**
 * What an arm of a study is, and how arms are named.
 *
 * @module
 */
import type { ArmKind } from "./settings.ts";

/** An arm: its mixture, and when it starts and ends. */
export interface Arm {
  readonly name: string;
  readonly label: string;
  readonly kind: ArmKind;
  /** Specialised source or group; empty for general data only. */
  readonly specialised: string;
  readonly weight: number;
  /** Shares of the horizon. */
  readonly start: number;
  readonly end: number;
  /** The arm it is compared with. */
  readonly reference: string;
  /** Names of the targets to fine-tune it on. */
  readonly targets: readonly string[];
}

/** An arm that ends at the horizon and is compared with the control. */
export type WholeArm = Omit<Arm, "end" | "reference" | "targets">;

export const CONTROL = "control";

/** A share in whole percent, for names. */
export const percent = (share: number) => `${Math.round(100 * share)}`;

/** A share in percent, with a decimal if it needs one. */
export const exactPercent = (share: number) => `${Number((100 * share).toFixed(1))}`;
