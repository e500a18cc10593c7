import assert from "node:assert/strict";
import { issueText } from "../words/mod.ts";
import { Random } from "../random/mod.ts";
import {
  learningRate,
  resolveSchedule,
  rewarmSchedule,
  type Schedule,
  schedule_schema,
  type ScheduleConfig,
} from "./learning_rate.ts";

const GOLDEN = JSON.parse(Deno.readTextFileSync(
  new URL("../../tests/fixtures/schedule/golden.json", import.meta.url),
)) as Record<string, number[]> & Record<`${"warmup" | "horizon" | "decay"}_steps`, number>;

const curve = (schedule: Schedule) => {
  const { start_step = 0, horizon_steps } = schedule;
  return Array.from({ length: horizon_steps }, (_, t) => learningRate(schedule, start_step + t));
};

/** Schedules of every shape with random settings, each with its steps of warm-up. */
function* randomSchedules(): Generator<{ schedule: Schedule; warmup: number; decay: number }> {
  for (let trial = 0; trial < 400; trial++) {
    const random = new Random(1, "schedules", trial);
    const horizon = 1 + random.below(300), start = random.below(1000);
    const warmup_ratio = random.below(101) / 100;
    const decay_ratio = (1 - warmup_ratio) * random.below(11) / 10;
    const peak_lr = 10 ** -(1 + random.below(5)), min_lr = peak_lr * random.below(10) / 10;
    const rise = { peak_lr, warmup_ratio };
    const configs: ScheduleConfig[] = [
      { ...rise, min_lr },
      { shape: "linear", ...rise, min_lr },
      { shape: "constant", ...rise },
      { shape: "wsd", ...rise, min_lr, decay: "linear", decay_ratio },
      { shape: "wsd", ...rise, min_lr, decay: "1-sqrt", decay_ratio },
      { shape: "wsd", ...rise, min_lr, decay: "cosine", decay_ratio },
    ];
    const warmup = Math.round(warmup_ratio * horizon);
    const decay = Math.min(Math.round(decay_ratio * horizon), horizon - warmup);
    yield* configs.map((config) => {
      return { schedule: resolveSchedule(config, horizon, start), warmup, decay };
    });
  }
}

const near = (a: number, b: number) =>
  Math.abs(a - b) <= 1e-12 * Math.max(Math.abs(a), Math.abs(b));

Deno.test("schedules equal those of transformers where it has them", () => {
  const { warmup_steps, horizon_steps, decay_steps } = GOLDEN;
  const rise = { peak_lr: 1, warmup_ratio: 0, warmup_steps };
  const fall = { ...rise, min_lr: 0 };
  const wsd = { ...fall, shape: "wsd", decay_ratio: decay_steps / horizon_steps } as const;
  const cases: Record<string, ScheduleConfig> = {
    "cosine": fall,
    "linear": { ...fall, shape: "linear" },
    "constant": { ...rise, shape: "constant" },
    "wsd_linear": { ...wsd, decay: "linear" as const },
    "wsd_1-sqrt": { ...wsd, decay: "1-sqrt" as const },
    "wsd_cosine": { ...wsd, decay: "cosine" as const },
  };
  for (const [name, config] of Object.entries(cases)) {
    const ours = curve(resolveSchedule(config, horizon_steps));
    assert.equal(ours.length, GOLDEN[name].length);
    ours.forEach((rate, t) => {
      assert.ok(Math.abs(rate - GOLDEN[name][t]) < 1e-14, `${name} ${t}: ${rate}`);
    });
  }
});

Deno.test("a cosine without a shape keeps its bits", () => {
  const schedule = { peak_lr: 3e-4, min_lr: 1e-6, warmup_ratio: 0.1, horizon_steps: 61_000 };
  const W = 6100;
  for (const step of [0, 1, 77, W - 1, W, W + 1, 30_000, 60_998, 60_999, 61_000, 70_000]) {
    const expected = step < W ? 3e-4 * (step + 1) / W : 1e-6 +
      (3e-4 - 1e-6) * (1 + Math.cos(Math.PI * Math.min(1, (step + 1 - W) / (61_000 - W)))) / 2;
    assert.equal(learningRate(schedule, step), expected);
    assert.equal(learningRate({ ...schedule, shape: "cosine" }, step), expected);
    assert.equal(learningRate({ ...schedule, start_step: 500 }, step + 500), expected);
  }
});

Deno.test("a decay that begins at a step falls from the peak to the minimum in its steps", () => {
  const rise = { peak_lr: 1e-3, min_lr: 1e-5, warmup_ratio: 0.1, warmup_steps: 0 };
  const left = { "linear": 0.75, "1-sqrt": 0.5, "cosine": (1 + Math.SQRT1_2) / 2 };
  for (const [decay, quarter] of Object.entries(left) as [keyof typeof left, number][]) {
    const wsd = { shape: "wsd", ...rise, decay, decay_ratio: 1 } as const;
    const schedule = resolveSchedule(wsd, 8, 100);
    assert.ok(near(learningRate(schedule, 101), 1e-5 + (1e-3 - 1e-5) * quarter), decay);
    assert.equal(learningRate(schedule, 107), 1e-5);
  }
});

Deno.test("every schedule rises to its peak, never rises again, and ends where it should", () => {
  for (const { schedule, warmup, decay } of randomSchedules()) {
    const rates = curve(schedule), { peak_lr, horizon_steps: T } = schedule;
    const where = JSON.stringify(schedule);
    for (let t = 1; t < T; t++) {
      if (t < warmup) assert.ok(rates[t] > rates[t - 1], where);
      else if (t > warmup) assert.ok(rates[t] <= rates[t - 1] * (1 + 1e-15), `${where} ${t}`);
    }
    if (warmup > 0) assert.ok(near(rates[warmup - 1], peak_lr), where);
    const falls = schedule.shape === "wsd" ? decay > 0 : schedule.shape !== "constant";
    const end = falls && warmup < T ? (schedule as { min_lr: number }).min_lr : peak_lr;
    assert.ok(Math.abs(rates[T - 1] - end) <= 1e-12 * peak_lr, `${where}: ${rates[T - 1]}`);
    if (warmup < T) {
      assert.equal(learningRate(schedule, (schedule.start_step ?? 0) + T + 99), rates[T - 1]);
    }
    if (schedule.shape === "wsd") {
      for (let t = warmup; t < T - decay; t++) assert.ok(near(rates[t], peak_lr), where);
    }
  }
});

Deno.test("no schedule jumps: a step changes the rate by no more than its stretch allows", () => {
  for (const { schedule, warmup, decay } of randomSchedules()) {
    if (schedule.shape === "wsd" && schedule.decay === "1-sqrt") continue; // falls infinitely fast at first
    const rates = [0, ...curve(schedule)];
    const fall = schedule.shape === "wsd" ? decay : schedule.horizon_steps - warmup;
    // The steepest slope: of a line 1, of the cosine π/2.
    const down = Math.PI / 2 * schedule.peak_lr / Math.max(1, fall);
    for (let t = Math.max(1, warmup + 1); t < rates.length; t++) {
      if (t > 1) assert.ok(rates[t - 1] - rates[t] <= down * (1 + 1e-9), JSON.stringify(schedule));
    }
  }
});

Deno.test("rewarming starts at the rate that was reached and keeps the shape", () => {
  const trunk = resolveSchedule(schedule_schema.parse({ peak_lr: 1e-3, min_lr: 1e-4 }), 100);
  const again = rewarmSchedule(trunk, { peak_lr: 5e-4, warmup_ratio: 0.2 }, 50, 80);
  const before = learningRate(trunk, 79), rates = curve(again);
  for (let t = 0; t < 10; t++) {
    assert.ok(near(rates[t], before + (5e-4 - before) * (t + 1) / 10), `${t}`);
  }
  assert.equal(learningRate(again, 89), 5e-4);
  assert.equal(learningRate(again, 129), 1e-4);
  const fixed = rewarmSchedule(
    trunk,
    { peak_lr: 5e-4, warmup_ratio: 0.1, warmup_steps: 3 },
    50,
    80,
  );
  assert.ok(near(learningRate(fixed, 82), 5e-4));
  // Once more: the warm-up's steps of one branch are none of the next one's.
  const twice = rewarmSchedule(fixed, { peak_lr: 1e-3, warmup_ratio: 0.2 }, 20, 100);
  assert.equal(learningRate(twice, 103), 1e-3);
  assert.ok(near(learningRate(twice, 100), (3 * learningRate(fixed, 99) + 1e-3) / 4));
});

Deno.test("fields of another shape, and warm-ups and decays that do not fit, are rejected by name", () => {
  const fails = (config: object, message: RegExp) => {
    const { error } = schedule_schema.safeParse({ peak_lr: 1, ...config });
    assert.match(error!.issues.map((issue) => issueText(issue)).join(), message);
  };
  fails({ decay_ratio: 0.2 }, /has no field.*decay_ratio/);
  fails({ shape: "linear", decay: "linear" }, /has no field.*decay/);
  fails({ shape: "constant", min_lr: 0 }, /has no field.*min_lr/);
  fails({ shape: "sine" }, /cosine.*linear.*constant.*wsd/);
  fails({ shape: "wsd", warmup_ratio: 0.5, decay_ratio: 0.6 }, /must not exceed 1/);
  const wsd = schedule_schema.parse({ peak_lr: 1, shape: "wsd", warmup_steps: 90 });
  assert.throws(() => resolveSchedule(wsd, 100), /90 steps of warm-up and 20 of decay/);
  const cosine = schedule_schema.parse({ peak_lr: 1, warmup_steps: 90 });
  assert.throws(() => resolveSchedule(cosine, 80), /80 steps has no room for 90 steps of warm-up;/);
});
