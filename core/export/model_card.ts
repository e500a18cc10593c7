/**
 * The model card (`README.md`) of an exported model, written from the results of its run.
 *
 * @module
 */
import { visible } from "../stage/mod.ts";
import { codeSpan, plainText, table } from "./markdown.ts";
import { familyOf, type ModelConfig, parameterCount } from "../model/mod.ts";

/** Tokens and licence of one dataset: a row of the `summary` that the tokenize stage writes. */
export interface DataRow {
  readonly source: string;
  readonly dataset: string;
  readonly split: string;
  readonly documents: number;
  readonly tokens: number;
  readonly licence: string;
}

/** A measured loss, in nats per token. */
export interface LossRow {
  readonly source: string;
  readonly loss: number;
  readonly bits_per_byte: number | null;
}

/** The data and measurements of a training step of the recipe. */
export interface PhaseFacts {
  readonly step: string;
  readonly config: unknown;
  readonly mixture: readonly {
    readonly source: string;
    readonly requested_share: number;
    readonly achieved_share: number;
    readonly tokens: number;
    readonly epochs: number;
  }[];
  /** During the phase. */
  readonly validation: readonly (LossRow & { readonly step: number })[];
}

/** The facts on a card. Unknown ones are left out. */
export interface ModelFacts {
  readonly name: string;
  readonly recipe?: string;
  readonly description?: string;
  readonly run?: string;
  readonly step?: string;
  /** One line of Markdown for each phase of training, in order. */
  readonly lineage: readonly string[];
  /** Those of the same phases whose results exist. */
  readonly phases: readonly PhaseFacts[];
  readonly data: readonly DataRow[];
  /** On held-out text. */
  readonly losses: readonly LossRow[];
}

/** How the exported model is loaded: in Python, or in JavaScript from a folder with a precision. */
export type Usage =
  | { readonly format: "hf" }
  | { readonly format: "onnx"; readonly folder: string; readonly dtype: string };

/** Writes the card. */
export function modelCard(facts: ModelFacts, config: ModelConfig, usage: Usage): string {
  const code = usage.format === "hf" ? pythonUsage() : javascriptUsage(usage.folder, usage.dtype);
  const sections = [
    frontMatter(facts, usage),
    `# ${plainText(facts.name)}`,
    introduction(facts, config),
    `## Use\n\n${code}`,
    training(facts),
    dataSection(facts),
    lossSection(facts),
    configSection(facts),
  ];
  return visible(sections.filter((section) => section !== "").join("\n\n")) + "\n";
}

/** YAML for hubs. JSON strings are YAML strings. */
function frontMatter({ data }: ModelFacts, { format }: Usage): string {
  const licences = [...new Set(data.map(({ licence }) => licence))];
  const [licence = "unknown"] = licences;
  const single = licences.length === 1 && /^[\w.-]+$/.test(licence);
  const datasets = [...new Set(data.map(({ dataset }) => dataset))];
  const lines = [
    "---",
    `library_name: ${format === "onnx" ? "transformers.js" : "transformers"}`,
    "pipeline_tag: text-generation",
    "tags: [causeway]",
    single ? `license: ${licence.toLowerCase()}` : "license: other",
    ...(single || licences.length === 0 ? [] : [
      `license_name: ${JSON.stringify("of the training data: " + licences.join("; "))}`,
    ]),
    ...(datasets.length > 0
      ? ["# names of Causeway's dataset cards", `training_datasets: ${JSON.stringify(datasets)}`]
      : []),
    "---",
  ];
  return lines.join("\n");
}

function introduction(facts: ModelFacts, config: ModelConfig): string {
  const { recipe, step, run, description } = facts;
  const { vocab_size, hidden_size, num_hidden_layers, num_attention_heads } = config;
  const sizes = { vocab_size, hidden_size, num_hidden_layers, num_attention_heads };
  const listed = Object.entries(sizes).map(([name, value]) => `${name} ${value}`).join(", ");
  const model = `A ${familyOf(config).title} language model of ${number(parameterCount(config))} ` +
    `parameters (${listed}).`;
  if (recipe === undefined) return model;
  const [of_step, of_recipe, of_run] = [step, recipe, run].map((name) => codeSpan(name ?? ""));
  return `${model} It is the result of step ${of_step} of the recipe ${of_recipe} (run ${of_run}), ` +
    `trained with Causeway.${description ? ` The experiment: ${plainText(description)}` : ""}`;
}

function training({ lineage, phases }: ModelFacts): string {
  if (lineage.length === 0) return "";
  const rows = phases.flatMap(({ step, mixture }) =>
    mixture.map(({ source, requested_share, achieved_share, tokens, epochs }) => {
      const shares = [requested_share, achieved_share].map((share) =>
        `${(100 * share).toFixed(2)}%`
      );
      return [step, source, ...shares, number(tokens), epochs.toFixed(3)];
    })
  );
  const head = ["step", "source", "requested share", "achieved share", "tokens", "total epochs"];
  return [
    "## Training\n\nPhases, each starting from the weights of the previous one:",
    lineage.map((line) => `1. ${line}`).join("\n"),
    ...(rows.length > 0 ? ["Training data by source:", table(head, rows)] : []),
  ].join("\n\n");
}

function dataSection({ data }: ModelFacts): string {
  if (data.length === 0) return "";
  const rows = data.map((
    { source, dataset, split, documents, tokens, licence },
  ) => [source, dataset, split, number(documents), number(tokens), licence]);
  return "## Data and licences\n\n" +
    table(["source", "dataset", "split", "documents", "tokens", "licence"], rows) +
    "\n\nThese licences limit how the model may be used.";
}

function lossSection({ losses, phases }: ModelFacts): string {
  const last = phases.at(-1)?.validation ?? [];
  const final = last.filter(({ step }) => step === last.at(-1)?.step);
  const shown = losses.length > 0 ? losses : final;
  if (shown.length === 0) return "";
  const rows = shown.map((
    { source, loss, bits_per_byte },
  ) => [source, loss.toFixed(4), bits_per_byte?.toFixed(4) ?? ""]);
  const how = losses.length > 0 ? "on held-out text" : "on validation text at the end of training";
  return `## Losses\n\nMeasured ${how}.\n\n` +
    table(["source", "loss (nats per token)", "bits per byte"], rows);
}

function configSection({ phases }: ModelFacts): string {
  if (phases.length === 0) return "";
  const blocks = phases.map(({ step, config }) =>
    `${codeSpan(step)}:\n\n${fence("json", [JSON.stringify(config, null, 2)])}`
  );
  return `## Settings\n\n${blocks.join("\n\n")}`;
}

const number = (value: number) => value.toLocaleString("en");

const fence = (language: string, lines: readonly string[]) =>
  `\`\`\`${language}\n${lines.join("\n")}\n\`\`\``;

/** Code that loads the exported model in Python. */
function pythonUsage(): string {
  return fence("python", [
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    'folder = "."  # this folder',
    "tokenizer = AutoTokenizer.from_pretrained(folder)",
    "model = AutoModelForCausalLM.from_pretrained(folder)",
    'inputs = tokenizer("Once upon a time", return_tensors="pt")',
    "print(tokenizer.decode(model.generate(**inputs, max_new_tokens=40)[0]))",
  ]);
}

/** Code that loads the exported model in JavaScript. */
function javascriptUsage(folder: string, dtype: string): string {
  return fence("js", [
    'import { env, pipeline } from "@huggingface/transformers";',
    "",
    "env.allowRemoteModels = false;",
    'env.localModelPath = "."; // the parent of this folder',
    `const generate = await pipeline("text-generation", ${
      JSON.stringify(folder)
    }, { dtype: "${dtype}" });`,
    'console.log(await generate("Once upon a time", { max_new_tokens: 40 }));',
  ]);
}
