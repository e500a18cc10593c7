/**
 * What the event log records of a run's plan: its steps, their stages, and what they need of the machine. Readers of a
 * log have no recipe.
 *
 * @module
 */
import type { InputPort, InputPorts, OutputPorts, Port } from "../stage/mod.ts";
import type { Json } from "../store/mod.ts";
import { mapWired, type Recipe, type Step } from "../recipe/mod.ts";

/** The decision on one step of a recipe. */
export interface PlannedStep {
  readonly id: string;
  readonly stage: string;
  readonly action: "run" | "skip";
  /** Unknown while a step before it has to run first. */
  readonly key?: string;
  /** Why it runs, or why it is skipped. */
  readonly reasons: readonly string[];
}

/** What a step uses of the machine while it runs. */
export interface Resources {
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  /** The GPU it computes on. Its memory is not known here, so one step at a time uses it. */
  readonly device?: string;
}

/** A step of a recipe as the scheduler sees it. */
export interface Task extends Resources {
  readonly id: string;
  /** Ids of the steps that it reads. */
  readonly after: readonly string[];
}

/** What all steps that run at the same time may use together. */
export interface Budget {
  /** Steps at the same time. */
  readonly jobs: number;
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
}

/** A planned step with the resources it needs. */
export interface PlannedTask extends PlannedStep {
  readonly task: Task;
  /** Seconds it took when it last ran with this config; 0 where it is skipped. */
  readonly past_seconds?: number;
}

/** State of a step that was submitted to a launcher, such as the queue of a cluster. */
export interface JobInfo {
  /** "slurm", "local". */
  readonly launcher: string;
  /** Id of the job at the launcher. */
  readonly id: string;
  readonly state: "waiting" | "running" | "ended";
  /** In the launcher's own words: "PENDING, Priority". */
  readonly detail?: string;
  /** The machine that it runs on. */
  readonly node?: string;
}

/** Config, seed and inputs of a step. */
export interface StepInfo {
  /** Defaults filled in. */
  readonly config: Json;
  readonly seed: number;
  /** What each connected input reads, "step.output"; by label for inputs that accept several. */
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

/** Config, seed and inputs of a step, for the log. */
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
