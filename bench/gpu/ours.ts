/**
 * Causeway's side of the GPU benchmark: a process that computes on request.
 *
 * @module
 */
import { collate, type MicroBatch } from "@causeway/core/batches";
import { computeOptions, type Device, Transfer } from "@causeway/core/engine";
import { decodeParameters, ParameterArrays } from "@causeway/core/model";
import { createTrainer, freshArrays, optimizer_schema, type Trainer } from "@causeway/core/train";
import type { GpuSize, OUR_MODES } from "./options.ts";
import { type Check, TOLERANCE } from "./results.ts";
import { serveRequests, timed } from "../shared/processes.ts";
import { benchmarkBatches, benchmarkParameters } from "../shared/workload.ts";

type Precision = typeof OUR_MODES[number];

const LEARNING_RATE = 3e-4;
/** Where float16 starts, as in training; halved until the gradient is finite. */
const LOSS_SCALE = 65536;

/** Moves a number to the device and back. @throws {DeviceUnavailable} */
async function probe({ device }: { device: Device }): Promise<object> {
  const transfer = new Transfer(device), back = new Float32Array(1);
  const one = await transfer.upload({ data: Float32Array.of(7), dtype: "float32", shape: [1] });
  await transfer.download(one, back);
  if (back[0] !== 7) throw new Error(`${device} turned 7 into ${back[0]}`);
  one.release();
  await transfer.release();
  return {};
}

function trainerOn(parameters: ParameterArrays, device: Device, precision: Precision = "float32") {
  const compute = computeOptions({ device, precision });
  return createTrainer(freshArrays(parameters), optimizer_schema.parse({}), compute);
}

function* microBatches(size: GpuSize): Generator<MicroBatch[]> {
  const options = { micro_batch_size: size.rows, lengths: [size.length] };
  for (const sequences of benchmarkBatches(size)) yield collate(sequences, options);
}

/** The gradient of one batch on the device and on the CPU, both of the loss times a scale. */
async function check(
  { size, device, precision }: { size: GpuSize; device: Device; precision: Precision },
): Promise<Check> {
  const tolerance = precision === "float16" ? TOLERANCE.half : TOLERANCE.float32;
  const parameters = benchmarkParameters(size);
  const batch: MicroBatch[] = microBatches(size).next().value!;
  const host = await trainerOn(parameters, "cpu");
  const other = await trainerOn(parameters, device, precision);
  let loss_scale = precision === "float16" ? LOSS_SCALE : 1;
  while (true) {
    const scaled = batch.map((micro_batch) => ({
      ...micro_batch,
      loss_weights: micro_batch.loss_weights.map((weight) => weight * loss_scale),
    }));
    const actual = await other.gradient(scaled);
    const finite = [...actual.gradient.views.values()].every((data) => data.every(Number.isFinite));
    if (!finite && loss_scale > 1) {
      loss_scale /= 2;
      continue;
    }
    const expected = await host.gradient(scaled);
    const loss_error = Math.abs(actual.loss - expected.loss) / Math.abs(expected.loss);
    const { error: gradient_error, parameter } = worst(actual.gradient, expected.gradient);
    const passed = loss_error <= tolerance && gradient_error <= tolerance;
    const found = { loss_error, gradient_error, parameter, loss_scale, passed };
    return { size: size.name, precision, tolerance, ...found };
  }
}

/** ‖a - b‖ / ‖b‖ of the parameter where it is largest; Infinity where `a` is not finite. */
function worst(actual: ParameterArrays, expected: ParameterArrays) {
  let error = 0, parameter = "";
  for (const [name, b] of expected.views) {
    const a = actual.get(name);
    let difference = 0, total = 0;
    for (let i = 0; i < b.length; i++) {
      difference += (a[i] - b[i]) ** 2;
      total += b[i] ** 2;
    }
    const ratio = difference === 0 ? 0 : Math.sqrt(difference / total);
    const found = Number.isFinite(ratio) ? ratio : Number.MAX_VALUE;
    if (found > error) [error, parameter] = [found, name];
  }
  return { error, parameter };
}

let trainer: Trainer;
let batches: Generator<MicroBatch[]>;

const step = (learning_rate: number) => trainer.step(batches.next().value!, learning_rate);

interface Work {
  readonly size: GpuSize;
  readonly device: Device;
  readonly mode: Precision;
  readonly weights: string;
}

/** The first step has the learning rate 0, so that its loss and norm are those of the given weights. */
async function prepare({ size, device, mode, weights }: Work): Promise<object> {
  batches = microBatches(size);
  const { seconds: build_s } = await timed(async () => {
    const parameters = new ParameterArrays(size.config, "matrices");
    decodeParameters(parameters, Deno.readFileSync(weights), weights);
    trainer = await trainerOn(parameters, device, mode);
  });
  const { seconds: first_pass_s, result: first } = await timed(() => step(0));
  for (let i = 0; i < 2; i++) await step(LEARNING_RATE);
  return { build_s, first_pass_s, first };
}

/** Steps for about this many seconds. */
async function passes({ seconds, least, most }: Record<string, number>): Promise<object> {
  const times: number[] = [], end = performance.now() + 1000 * seconds;
  while (times.length < least || (performance.now() < end && times.length < most)) {
    times.push((await timed(() => step(LEARNING_RATE))).seconds);
  }
  return { seconds: times };
}

await serveRequests({ probe, check, prepare, passes });
