/**
 * What the event log says of a recipe's steps and stages, for those who read it without the recipe.
 *
 * @module
 */
import type { InputPort, InputPorts, OutputPorts, Port } from "../stage/mod.ts";
import type { Json } from "../store/mod.ts";
import { mapWired } from "./plan.ts";
import type { Recipe, Step } from "../recipe/mod.ts";

/** What a step is made of. */
export interface StepInfo {
  /** Defaults filled in. */
  readonly config: Json;
  readonly seed: number;
  /** What each connected input reads, as "step.output"; under labels for inputs that take many. */
  readonly inputs: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

/** A stage, without its code. */
export interface StageInfo {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly inputs: Readonly<Record<string, PortInfo>>;
  readonly outputs: Readonly<Record<string, PortInfo>>;
}

export interface PortInfo {
  readonly kind: "table" | "files";
  readonly description: string;
  /** Of a table: types by name. */
  readonly columns?: Readonly<Record<string, string>>;
  /** Of files. */
  readonly format?: string;
  /** Of inputs. */
  readonly optional?: boolean;
  readonly many?: boolean;
}

/** What a step is made of. */
export function stepInfo({ config, seed, inputs }: Step): StepInfo {
  const wired = mapWired(inputs, ({ step, output }) => `${step}.${output}`);
  return { config: config as Json, seed, inputs: wired as StepInfo["inputs"] };
}

/** The stages of a recipe, each once, in the order of their first steps. */
export function stageInfos(recipe: Recipe): StageInfo[] {
  const stages = new Map(recipe.steps.map(({ stage }) => [stage.name, stage]));
  return [...stages.values()].map(({ name, version, description, inputs, outputs }) => ({
    name,
    version,
    description,
    inputs: portInfos(inputs as InputPorts),
    outputs: portInfos(outputs as OutputPorts),
  }));
}

function portInfos(ports: InputPorts): Record<string, PortInfo> {
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, portInfo(port)]));
}

function portInfo(port: InputPort): PortInfo {
  if (port.kind === "many") {
    const optional = port.at_least === 0;
    return { ...plainPort(port.port), many: true, ...(optional && { optional }) };
  }
  if (port.kind === "optional") return { ...plainPort(port.port), optional: true };
  return plainPort(port);
}

function plainPort(port: Port): PortInfo {
  const { kind, description } = port;
  return kind === "table"
    ? { kind, description, columns: { ...port.columns } }
    : { kind, description, format: port.format };
}
