import assert from "node:assert/strict";
import { join } from "node:path";
import { findPython, runPython } from "../../tests/python.ts";
import { Random } from "../random/mod.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import { SafetensorsFile } from "./safetensors_file.ts";

/** A file of a header as text and so many bytes of data. */
function fileOf(header: string, data_bytes: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + data_bytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

const entry = (fields: Record<string, unknown>) =>
  JSON.stringify({ dtype: "F32", shape: [2], data_offsets: [0, 8], ...fields });

async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}

/** Files that are to be refused, with the reason. */
const BAD: Record<string, [Uint8Array, RegExp]> = {
  empty: [new Uint8Array(), /shorter than its header/],
  "a header beyond the file": [
    fileOf(`{"a":${entry({})}}`, 8).subarray(0, 20),
    /claims \d+ bytes of 20/,
  ],
  "a huge header": [Uint8Array.from([255, 255, 255, 255, 255, 255, 255, 127, 123, 125]), /claims/],
  "no JSON": [fileOf("{", 0), /no UTF-8 JSON/],
  "no UTF-8": [Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, 255, 255]), /no UTF-8 JSON/],
  "no object": [fileOf("[]", 0), /no JSON object/],
  "a name twice": [fileOf(`{"a":${entry({})},"a":${entry({})}}`, 8), /"a" stands twice/],
  "a name twice, escaped": [
    fileOf(`{"a":${entry({})},"\\u0061":${entry({})}}`, 8),
    /"a" stands twice/,
  ],
  "an unknown dtype": [fileOf(`{"a":${entry({ dtype: "F7" })}}`, 8), /unknown dtype F7/],
  "a dtype of Object's": [fileOf(`{"a":${entry({ dtype: "toString" })}}`, 8), /unknown dtype/],
  "a negative size": [fileOf(`{"a":${entry({ shape: [-2] })}}`, 8), /malformed/],
  "a size that is no integer": [fileOf(`{"a":${entry({ shape: [1e300] })}}`, 8), /malformed/],
  "sizes whose product overflows": [
    fileOf(`{"a":${entry({ shape: [2 ** 40, 2 ** 40] })}}`, 8),
    /has 8 bytes, not/,
  ],
  "a span of another size": [fileOf(`{"a":${entry({ shape: [3] })}}`, 8), /has 8 bytes, not 12/],
  "a span backwards": [
    fileOf(`{"a":${entry({ shape: [0], data_offsets: [8, 0] })}}`, 8),
    /has -8 bytes/,
  ],
  "an offset beyond the file": [
    fileOf(`{"a":${entry({ data_offsets: [0, 8] })},"b":${entry({ data_offsets: [8, 16] })}}`, 8),
    /ends inside of tensor "b"/,
  ],
  "an overlap": [
    fileOf(`{"a":${entry({})},"b":${entry({ data_offsets: [4, 12] })}}`, 12),
    /"b" starts at byte 4, not at 8/,
  ],
  "a gap": [fileOf(`{"a":${entry({ data_offsets: [4, 12] })}}`, 12), /starts at byte 4, not at 0/],
  "bytes at the end": [fileOf(`{"a":${entry({})}}`, 9), /1 bytes follow its last tensor/],
  "metadata that are no texts": [
    fileOf(`{"__metadata__":{"a":1},"a":${entry({})}}`, 8),
    /metadata/,
  ],
  "a field too many": [fileOf(`{"a":${entry({ more: 1 })}}`, 8), /malformed/],
};

for (const [name, [bytes, message]] of Object.entries(BAD)) {
  Deno.test(`safetensors: ${name} is refused`, async () => {
    assert.throws(() => readSafetensors(bytes, "it"), message);
    await withFile(bytes, (path) => assert.rejects(SafetensorsFile.open(path, "it"), message));
  });
}

const tensors = [
  { name: "b", shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, NaN, Infinity) },
  { name: "a", shape: [], data: Float32Array.of(7) },
  { name: "none", shape: [0, 4], data: new Float32Array() },
];

Deno.test("what is written is read, from memory and tensor by tensor", async () => {
  const bytes = writeSafetensors(tensors);
  const read = readSafetensors(bytes, "it");
  await withFile(bytes, async (path) => {
    const file = await SafetensorsFile.open(path, "it");
    for (const { name, shape, data } of tensors) {
      assert.deepEqual([read.get(name)!.shape, read.get(name)!.data], [shape, data]);
      assert.deepEqual(await file.float32(name), data);
    }
    await assert.rejects(file.float32("c"), /has no tensor "c"/);
  });
});

Deno.test("numbers of 16 bits become the same in float32", async () => {
  const half = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x8000, 0x7c00, 0x7bff, 0x0400);
  const brain = Uint16Array.of(0x3f80, 0xc000, 0x0001, 0x8000, 0x7f80, 0x7f7f, 0x0080);
  const header = {
    half: { dtype: "F16", shape: [7], data_offsets: [0, 14] },
    brain: { dtype: "BF16", shape: [7], data_offsets: [14, 28] },
    ids: { dtype: "I64", shape: [1], data_offsets: [28, 36] },
  };
  const bytes = fileOf(JSON.stringify(header), 36);
  bytes.set(new Uint8Array(half.buffer), bytes.length - 36);
  bytes.set(new Uint8Array(brain.buffer), bytes.length - 22);
  await withFile(bytes, async (path) => {
    const file = await SafetensorsFile.open(path, "it");
    assert.deepEqual(
      await file.float32("half"),
      Float32Array.of(1, -2, 2 ** -24, -0, Infinity, 65504, 2 ** -14),
    );
    const wide = new Float32Array(Uint32Array.from(brain, (bits) => bits << 16).buffer);
    assert.deepEqual(await file.float32("brain"), wide);
    await assert.rejects(file.float32("ids"), /"ids" is of dtype I64; weights are read from/);
  });
});

Deno.test("files with changed bytes give their tensors or a clear error, never anything else", () => {
  const sound = writeSafetensors(tensors);
  const random = new Random(5, "fuzz", 0);
  const tally = { read: 0, refused: 0 };
  for (let trial = 0; trial < 4000; trial++) {
    const bytes = mutate(sound, random);
    try {
      const read = readSafetensors(bytes, "it");
      for (const { shape, data } of read.values()) {
        assert.equal(data.length, shape.reduce((a, b) => a * b, 1));
        assert.ok(data.byteLength <= bytes.length);
      }
      tally.read++;
    } catch (error) {
      assert.match(
        (error as Error).message,
        /^it(: tensor ".*" has dtype| is not a sound safetensors file: )/s,
      );
      tally.refused++;
    }
  }
  assert.ok(tally.read > 30 && tally.refused > 1000, JSON.stringify(tally));
});

/** One to four changes: bits, digits, cuts, additions, repetitions. */
function mutate(sound: Uint8Array, random: Random): Uint8Array {
  let bytes = sound.slice();
  for (let change = 1 + random.below(4); change > 0; change--) {
    const at = random.below(bytes.length || 1);
    const kind = random.below(6);
    if (kind === 0) bytes[at] ^= 1 << random.below(8);
    else if (kind === 1) bytes[at] = 48 + random.below(10);
    else if (kind === 2) bytes = bytes.slice(0, at);
    else if (kind === 3) bytes = Uint8Array.from([...bytes, random.below(256)]);
    else if (kind === 4) bytes = Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at / 2)]);
    else bytes.set(Uint8Array.of(random.below(256)), Math.min(at, 7));
  }
  return bytes;
}

/** Which of some files Python's library takes. */
const PYTHON = `
import json, sys
from safetensors import safe_open
def takes(path):
    try:
        with safe_open(path, framework="np") as file:
            list(file.keys())
        return True
    except Exception:
        return False
print(json.dumps([takes(path) for path in sys.argv[1:]]))
`;

const python = findPython(["safetensors", "numpy"]);

Deno.test({
  name: "what is refused here is refused by Hugging Face's library, or harmless there",
  ignore: python === undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const paths = Object.values(BAD).map(([bytes], i) => {
        const path = join(folder, `${i}.safetensors`);
        Deno.writeFileSync(path, bytes);
        return path;
      });
      const good = join(folder, "good.safetensors");
      Deno.writeFileSync(good, writeSafetensors(tensors));
      const taken: boolean[] = JSON.parse(await runPython(python!, PYTHON, [...paths, good]));
      assert.equal(taken.pop(), true);
      const lenient = Object.keys(BAD).filter((_, i) => taken[i]);
      // The library lets the last of two entries of a name stand, and passes over fields that it does not know.
      assert.deepEqual(
        lenient.filter((name) => !/twice|field too many/.test(name)),
        [],
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
