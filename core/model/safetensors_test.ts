import assert from "node:assert/strict";
import { join } from "node:path";
import { findPython, runPython } from "../../tests/shared/python.ts";
import { Random } from "../random/mod.ts";
import { readSafetensors, SafetensorsFile, writeSafetensors } from "./safetensors.ts";

/** A file with a header given as text, and `data_bytes` zeros. */
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

/** Invalid files, and the error for each. */
const BAD: Record<string, [Uint8Array, RegExp]> = {
  empty: [new Uint8Array(), /shorter than its header/],
  "a header beyond the file": [
    fileOf(`{"a":${entry({})}}`, 8).subarray(0, 20),
    /claims \d+ bytes of 20/,
  ],
  "a huge header": [Uint8Array.from([255, 255, 255, 255, 255, 255, 255, 127, 123, 125]), /claims/],
  "not JSON": [fileOf("{", 0), /not UTF-8 JSON/],
  "not UTF-8": [Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, 255, 255]), /not UTF-8 JSON/],
  "not an object": [fileOf("[]", 0), /not a JSON object/],
  "a name twice": [fileOf(`{"a":${entry({})},"a":${entry({})}}`, 8), /name "a" twice/],
  "a name twice, escaped": [
    fileOf(`{"a":${entry({})},"\\u0061":${entry({})}}`, 8),
    /name "a" twice/,
  ],
  "an unknown dtype": [fileOf(`{"a":${entry({ dtype: "F7" })}}`, 8), /unknown dtype F7/],
  "a dtype named like a method of Object": [
    fileOf(`{"a":${entry({ dtype: "toString" })}}`, 8),
    /unknown dtype/,
  ],
  "a negative size": [fileOf(`{"a":${entry({ shape: [-2] })}}`, 8), /malformed/],
  "a size that is not an integer": [fileOf(`{"a":${entry({ shape: [1e300] })}}`, 8), /malformed/],
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
    /ends inside tensor "b"/,
  ],
  "an overlap": [
    fileOf(`{"a":${entry({})},"b":${entry({ data_offsets: [4, 12] })}}`, 12),
    /"b" starts at byte 4, not at 8/,
  ],
  "a gap": [fileOf(`{"a":${entry({ data_offsets: [4, 12] })}}`, 12), /starts at byte 4, not at 0/],
  "bytes at the end": [fileOf(`{"a":${entry({})}}`, 9), /it has 1 byte after its last tensor/],
  "metadata that are not strings": [
    fileOf(`{"__metadata__":{"a":1},"a":${entry({})}}`, 8),
    /metadata/,
  ],
  "an unknown field": [fileOf(`{"a":${entry({ more: 1 })}}`, 8), /malformed/],
};

for (const [name, [bytes, message]] of Object.entries(BAD)) {
  Deno.test(`safetensors: ${name} is rejected`, async () => {
    assert.throws(() => readSafetensors(bytes, "it"), message);
    await withFile(bytes, (path) => assert.rejects(SafetensorsFile.open(path, "it"), message));
  });
}

const tensors = [
  { name: "b", shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, NaN, Infinity) },
  { name: "a", shape: [], data: Float32Array.of(7) },
  { name: "none", shape: [0, 4], data: new Float32Array() },
];

Deno.test("written tensors are read back, from memory and tensor by tensor", async () => {
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

Deno.test("a Git LFS pointer is named", async () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
  await withFile(new TextEncoder().encode(pointer), async (path) => {
    await assert.rejects(SafetensorsFile.open(path, "it"), /it is a Git LFS pointer.*git lfs pull/);
  });
});

Deno.test("64-bit floats are rounded to 32", async () => {
  const bytes = fileOf('{"a":{"dtype":"F64","shape":[3],"data_offsets":[0,24]}}', 24);
  const wide = Float64Array.of(0.1, -1e-300, 16777217);
  bytes.set(new Uint8Array(wide.buffer), bytes.length - 24);
  await withFile(bytes, async (path) => {
    const file = await SafetensorsFile.open(path, "it");
    assert.deepEqual(await file.float32("a"), Float32Array.of(Math.fround(0.1), -0, 16777216));
  });
});

Deno.test("16-bit floats are read exactly", async () => {
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
    await assert.rejects(
      file.float32("ids"),
      /"ids" has dtype I64, which is not supported; save the model in float32, float16 or bfloat16/,
    );
  });
});

Deno.test("corrupted files give their tensors or a clear error, never anything else", () => {
  const valid = writeSafetensors(tensors);
  const random = new Random(5, "fuzz", 0);
  const tally = { read: 0, rejected: 0 };
  for (let trial = 0; trial < 4000; trial++) {
    const bytes = mutate(valid, random);
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
        /^it(: tensor ".*" has dtype| is not a valid safetensors file: )/s,
      );
      tally.rejected++;
    }
  }
  assert.ok(tally.read > 30 && tally.rejected > 1000, JSON.stringify(tally));
});

/** One to four changes: bits, digits, cuts, additions, repetitions. */
function mutate(valid: Uint8Array, random: Random): Uint8Array {
  let bytes = valid.slice();
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

/** Which files Python's library accepts. */
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
  name: "files rejected here are rejected by Hugging Face's library, or harmless there",
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
      // The library keeps the last of two entries of a name, and ignores unknown fields.
      assert.deepEqual(
        lenient.filter((name) => !/twice|unknown field/.test(name)),
        [],
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
