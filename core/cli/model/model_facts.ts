/**
 * Facts for the model card of an export, from the results of the run that made the model.
 *
 * @module
 */
import {
  codeSpan,
  type DataRow,
  lineageLines,
  type LossRow,
  type ModelFacts,
  type PhaseFacts,
  plainText,
} from "../../export/mod.ts";
import { type Row, rowsOf } from "../../report/mod.ts";
import { type Columns, ports } from "../../stage/mod.ts";
import { type Artifact, type Manifest, openTable, type Store } from "../../store/mod.ts";
import { counted, formatNumber } from "../../words/mod.ts";
import type { ModelOrigin, NamedModel } from "./find_model.ts";

/** Collects what is known of a model; of a model that is a folder, little more than its name. */
export async function modelFacts({ label, files, origin }: NamedModel): Promise<ModelFacts> {
  if (!origin) {
    return { name: label, lineage: await lineageLines(files), phases: [], data: [], losses: [] };
  }
  const { run, step, store } = origin;
  const phases: PhaseFacts[] = [], lineage: string[] = [];
  for (const { id, manifest } of trainingSteps(origin)) {
    const { outputs: { mixture, validation, training }, config, stage, seed } = manifest;
    const last = (await rows(store, training, ports.training_metrics)).at(-1);
    lineage.push(
      `${codeSpan(id)} (${plainText(stage)}, seed ${seed})${last ? describeLength(last) : ""}`,
    );
    phases.push({
      step: id,
      config,
      mixture: await rows(store, mixture, ports.mixture_ledger),
      validation: await rows(store, validation, ports.validation_metrics),
    });
  }
  const { recipe, description, id } = run;
  const data = await trainingData(origin, phases);
  const losses = await measuredLosses(origin);
  return { name: label, recipe, description, run: id, step, lineage, phases, data, losses };
}

/** Steps and tokens, counted over all phases that share a schedule. */
interface Length {
  readonly step: number;
  readonly tokens: number;
}

const describeLength = ({ step, tokens }: Length) =>
  `: up to step ${formatNumber(step)}, ${counted(tokens, "token")}`;

interface MadeBy {
  readonly id: string;
  readonly manifest: Manifest;
}

/** The steps that trained the model, in order: each started from the checkpoint of the one before. */
function trainingSteps({ manifests, step }: ModelOrigin): MadeBy[] {
  const chain: MadeBy[] = [];
  let id: string | undefined = step;
  while (id !== undefined) {
    const manifest: Manifest = manifests.get(id)!;
    chain.unshift({ id, manifest });
    const { checkpoint } = manifest.inputs;
    id = [...manifests].find(([, { outputs }]) =>
      Object.values(outputs).some(({ digest }) => digest === checkpoint)
    )?.[0];
  }
  return chain;
}

/** Token counts of the sources that the phases trained on. */
async function trainingData({ manifests, store }: ModelOrigin, phases: readonly PhaseFacts[]) {
  const drawn = new Set(phases.flatMap(({ mixture, config }) => {
    const { sources = [] } = config as { sources?: readonly string[] };
    return [...mixture.map(({ source }) => source), ...sources];
  }));
  const data: DataRow[] = [];
  for (const { outputs } of manifests.values()) {
    if (outputs.summary === undefined || outputs.tokenizer === undefined) continue;
    data.push(...await rows(store, outputs.summary, ports.dataset_summary));
  }
  return data.filter(({ source, split }) => split === "train" && drawn.has(source));
}

/** Held-out losses that an evaluation of the run measured on this model. */
async function measuredLosses({ manifests, digest, store }: ModelOrigin): Promise<LossRow[]> {
  const losses: LossRow[] = [];
  for (const { inputs, outputs } of manifests.values()) {
    if (!outputs.evaluation || typeof inputs.models !== "object") continue;
    const labels = Object.entries(inputs.models).filter(([, of]) => of === digest)
      .map(([label]) => label);
    const all = await rows(store, outputs.evaluation, ports.evaluation);
    losses.push(...all.filter(({ model }) => labels.includes(model)));
  }
  return losses;
}

async function rows<C extends Columns>(
  store: Store,
  artifact: Artifact | undefined,
  { columns }: { readonly columns: C },
): Promise<Row<C>[]> {
  if (!artifact) return [];
  return await rowsOf(await openTable(store, artifact, columns, "a result"));
}
