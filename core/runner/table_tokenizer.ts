/**
 * Notes with every table of a step which tokenizer its token ids are of, so that later steps can refuse tokens that their
 * model was not trained on.
 *
 * @module
 */
import type { InputPort, Port } from "../stage/mod.ts";
import { ports } from "../stage/mod.ts";
import { type Artifact, openFiles, type Store } from "../store/mod.ts";
import { tokenizerFingerprint } from "../tokenizer/mod.ts";

/** The ports of a stage and what is on them. */
interface StepTables {
  readonly stage: {
    readonly inputs: Readonly<Record<string, InputPort>>;
    readonly outputs: Readonly<Record<string, Port>>;
  };
  readonly inputs: Readonly<Record<string, Artifact | Readonly<Record<string, Artifact>>>>;
  readonly outputs: Readonly<Record<string, Artifact>>;
}

/**
 * The outputs of a step, its tables with the fingerprint of the tokenizer: of the one that the step makes; else of the one
 * that it reads; else of the tables that it reads. Nothing is noted where there is none, or several differ. This needs
 * nothing of a stage, so it holds for stages of your own.
 */
export async function withTokenizer(
  { stage, inputs, outputs }: StepTables,
  store: Store,
): Promise<Record<string, Artifact>> {
  const given = Object.entries(stage.inputs).flatMap(([name, declared]) => {
    const port = declared.kind === "many" || declared.kind === "optional"
      ? declared.port
      : declared;
    const artifacts = inputs[name] === undefined
      ? []
      : declared.kind === "many"
      ? Object.values(inputs[name] as Record<string, Artifact>)
      : [inputs[name] as Artifact];
    return artifacts.map((artifact) => ({ port, artifact }));
  });
  const made = Object.entries(outputs)
    .map(([name, artifact]) => ({ port: stage.outputs[name], artifact }));
  const known = await tokenizers(made, store) ?? await tokenizers(given, store) ??
    new Set(given.flatMap(({ artifact }) => artifact.tokenizer ?? []));
  if (known.size !== 1) return { ...outputs };
  const [tokenizer] = known;
  return Object.fromEntries(
    Object.entries(outputs).map(([name, artifact]) => [
      name,
      artifact.kind === "table" ? { ...artifact, tokenizer } : artifact,
    ]),
  );
}

/** Fingerprints of the tokenizers among some artifacts; undefined where there is none. */
async function tokenizers(
  artifacts: readonly { port: Port; artifact: Artifact }[],
  store: Store,
): Promise<Set<string> | undefined> {
  const found = new Set<string>();
  for (const { port, artifact } of artifacts) {
    if (port.kind !== "files" || port.format !== ports.tokenizer.format) continue;
    const files = await openFiles(store, artifact, "tokenizer");
    if (!files.names.includes("tokenizer.json")) continue;
    const fingerprint = tokenizerFingerprint(await files.text("tokenizer.json"));
    if (fingerprint !== undefined) found.add(fingerprint);
  }
  return found.size === 0 ? undefined : found;
}
