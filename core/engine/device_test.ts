/** What WebGPU's limits forbid to operators as ONNX Runtime implements them. */
import assert from "node:assert/strict";
import { deviceTest } from "../../tests/shared/devices.ts";
import { concat, Graph, split } from "../graph/mod.ts";
import { compile } from "./mod.ts";

deviceTest(
  "a tensor is cut into more parts than a shader has buffers for, and joined again",
  ["cpu", "webgpu", "cuda"],
  async (device) => {
    const [rows, parts, columns] = [2, 40, 3];
    const numbers = Array.from({ length: rows * parts * columns }, (_, i) => i);
    const expected = [0, 1].flatMap((row) =>
      numbers.slice(0, parts).flatMap((part) =>
        [0, 1, 2].map((column) => (row * parts + parts - 1 - part) * columns + column)
      )
    );
    for (const dtype of ["float32", "int32"] as const) {
      const graph = new Graph();
      const x = graph.input("x", dtype, [rows, parts * columns]);
      graph.output("y", concat(split(x, 1, parts).toReversed(), 1));
      const session = await compile(graph, { device });
      const data = dtype === "int32" ? Int32Array.from(numbers) : Float32Array.from(numbers);
      const { y } = await session.run({ x: data });
      assert.deepEqual([...y], expected);
      await session.release();
    }
  },
);
