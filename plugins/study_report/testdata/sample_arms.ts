/**
 * Made-up arms in the shape of a study, for the tests of the figures.
 *
 * @module
 */
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";

export const SAMPLE_CONFIG: StudyReportConfig = {
  title: "Sample study",
  description: "Made-up numbers in the shape of a study.",
  general: "c4",
  targets: [
    { name: "pycode", label: "Pycode" },
    { name: "gsm8k", label: "GSM8K" },
    { name: "lima", label: "LIMA" },
    { name: "sciq", label: "SciQ" },
  ],
  matched: [
    { specialised: "code", target: "pycode" },
    { specialised: "math", target: "gsm8k" },
    { specialised: "flan", target: "lima" },
    { specialised: "knowledge_qa", target: "sciq" },
    { specialised: "dclm", target: "lima" },
  ],
  distant: ["code", "math"],
  facts: [],
};

const [EARLY, THIRD, HALF, TWO_THIRDS, LATE] = [0.1, 1 / 3, 0.5, 2 / 3, 0.8];
export const percent = (share: number) => `${Math.round(100 * share)}`;

type Arm = StudyMeasurements["arms"][number];

function arm(
  arm: string,
  label: string,
  kind: string,
  specialised = "",
  weight = 0,
  start = 0,
  end = 1,
): Arm {
  const tokens = 2_457_600 * end;
  const specialised_tokens = tokens * weight * (end - start);
  return { arm, label, kind, specialised, weight, start, end, tokens, specialised_tokens };
}

const midtrain = (name: string, label: string, weight: number, start: number) =>
  arm(name, label, "midtrain", name, weight, start);

/** The arms of the scaled-down study. */
export const ARMS: Arm[] = [
  arm("control", "control (c4 only)", "control"),
  midtrain("code", "code 20% from 10%", 0.2, EARLY),
  midtrain("math", "math 12% from 33%", 0.12, THIRD),
  midtrain("flan", "FLAN 5% from 67%", 0.05, TWO_THIRDS),
  midtrain("knowledge_qa", "KnowledgeQA 20% from 67%", 0.2, TWO_THIRDS),
  midtrain("dclm", "DCLM 20% from 67%", 0.2, TWO_THIRDS),
  ...[
    [0.2, THIRD],
    [0.2, HALF],
    [0.2, TWO_THIRDS],
    [0.2, LATE],
    [0.1, THIRD],
    [0.4, THIRD],
    [0.8, THIRD],
    [0.1, TWO_THIRDS],
    [0.4, TWO_THIRDS],
    [0.8, TWO_THIRDS],
  ].map(([weight, start]) => {
    const [name, label] = [
      `code_${percent(weight)}_from_${percent(start)}`,
      `${percent(weight)}% code from ${percent(start)}%`,
    ];
    return arm(name, label, "ablation", "code", weight, start);
  }),
  ...["code", "math"].flatMap((source) =>
    [TWO_THIRDS, LATE].map((start) => {
      const [name, label] = [
        `${source}_only_from_${percent(start)}`,
        `${source} alone from ${percent(start)}%`,
      ];
      return arm(name, label, "continued", source, 1, start);
    })
  ),
  // As many tokens of code as the main arm of code, whenever they begin.
  ...[THIRD, TWO_THIRDS, LATE].map((start) => {
    const weight = 0.2 * (1 - EARLY) / (1 - start);
    const name = `code_${percent(weight)}_from_${percent(start)}`;
    return arm(
      name,
      `${percent(weight)}% code from ${percent(start)}%`,
      "ablation",
      "code",
      weight,
      start,
    );
  }),
  arm("code_18_from_scratch", "18% code from step 0", "from_scratch", "code", 0.2 * (1 - EARLY)),
  ...[THIRD, HALF, LATE].flatMap((end) => [
    arm(
      `control_at_${percent(end)}`,
      `control (c4 only), at ${percent(end)}%`,
      "along_run",
      "",
      0,
      0,
      end,
    ),
    arm(
      `code_at_${percent(end)}`,
      `code 20% from 10%, at ${percent(end)}%`,
      "along_run",
      "code",
      0.2,
      EARLY,
      end,
    ),
  ]),
];
