/**
 * The tensorboard tracker: writes event files for TensorBoard, one folder for each step of a recipe.
 *
 * ```sh
 * deno task pipeline --tracker tensorboard
 * tensorboard --logdir out/runs
 * ```
 *
 * @module
 */
import { join } from "node:path";
import {
  defineTracker,
  type TrackedPoint,
  type TrackedRun,
  type TrackedText,
  type TrackerWriter,
} from "@causeway/core/stage";
import { RecordFile, scalarEvent, textEvent, versionEvent } from "./event_file.ts";

/** Delay until reported values are on disk. */
const FLUSH_MS = 1000;

export const tensorboard = defineTracker({
  name: "tensorboard",
  description: "Event files for TensorBoard.",
  open: (run, { folder }) => new EventWriter(run, folder),
});

class EventWriter implements TrackerWriter {
  readonly #files = new Map<string, RecordFile>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly run: TrackedRun, private readonly folder: string) {}

  points(points: readonly TrackedPoint[]): void {
    for (const { task, step, time, metrics } of points) {
      const values = Object.entries(metrics)
        .map(([name, value]): [string, number] => [name, value ?? NaN]);
      if (values.length > 0) this.#file(task).add(scalarEvent(time, step, values));
    }
    this.#flushSoon();
  }

  text({ task, name, step, time, text }: TrackedText): void {
    // All lines of the log share one tag.
    const [tag, shown] = name === "log"
      ? ["log", text]
      : [`samples/${name}`, `**${name}** ${text}`];
    this.#file(task).add(textEvent(time, step, tag, shown));
    this.#flushSoon();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#flush();
  }

  /** The file of a task; its first events are the version and the config. */
  #file(task: string): RecordFile {
    const known = this.#files.get(task);
    if (known) return known;
    const folder = join(this.folder, task.replace(/[^\w.+-]/g, "_"));
    Deno.mkdirSync(folder, { recursive: true });
    const { started_at, tasks } = this.run;
    // TensorBoard looks for "tfevents"; the usual suffix with host name and process id is left out for privacy.
    const file = new RecordFile(
      join(folder, `events.out.tfevents.${Math.floor(started_at / 1000)}.causeway`),
    );
    file.add(versionEvent(started_at));
    const config = tasks.find(({ id }) => id === task)?.config;
    if (config !== undefined) {
      const json = JSON.stringify(config, null, 2).replace(/^/gm, "    ");
      file.add(textEvent(started_at, 0, "config", json));
    }
    this.#files.set(task, file);
    return file;
  }

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    for (const file of this.#files.values()) file.flush();
  }
}
