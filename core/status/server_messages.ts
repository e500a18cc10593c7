/**
 * Messages between the runner's thread and that of the status server.
 *
 * @module
 */
import type { Access } from "./access.ts";
import type { Action } from "./control.ts";

/** To the server. */
export type ToServer =
  | {
    readonly type: "start";
    /** Output folder, as an absolute path. */
    readonly out: string;
    readonly host: string;
    /** Ports to try, one after the other. */
    readonly ports: readonly number[];
    readonly access: Access;
    /** Whether `control` messages are answered. */
    readonly control: boolean;
  }
  /** The answer to the `control` message of that id. */
  | { readonly type: "done"; readonly id: number; readonly error?: string }
  | { readonly type: "close" };

/** From the server. */
export type FromServer =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "control"; readonly id: number; readonly action: Action; readonly run: string }
  | { readonly type: "closed" };
