import assert from "node:assert/strict";
import { LAUNCHERS, mpirun } from "../../../tests/shared/mpi.ts";
import { isLaunched } from "./process_group.ts";

for (const launcher of LAUNCHERS) {
  for (const size of [2, 4]) {
    Deno.test(`collectives of ${size} ranks under ${launcher}`, async () => {
      const module = new URL("testdata/collectives.ts", import.meta.url);
      const { code, out, err } = await mpirun(launcher, size, module);
      assert.equal(code, 0, err);
      const told = out.trim().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(
        told.map(({ rank }) => rank).sort(),
        Array.from({ length: size }, (_, i) => i),
      );
      const ranks = Array.from({ length: size }, (_, rank) => rank);
      const sum = ranks.reduce((a, b) => a + b);
      for (const { floats, doubles, bytes, gathered, version } of told) {
        assert.deepEqual(floats, [0, 1, 2, 3, 4].map((i) => size * i + sum));
        assert.deepEqual(doubles, [sum + size / 2]);
        assert.deepEqual(bytes, Array(3).fill(size - 1 + 7));
        assert.deepEqual(gathered, ranks.flatMap((rank) => [rank, 10 * rank]));
        assert.match(version, launcher === "mpirun.mpich" ? /^MPICH/ : /^Open MPI/);
      }
    });
  }
}

Deno.test("a process that no launcher started is alone", () => {
  assert.equal(isLaunched(() => undefined), false);
  assert.equal(isLaunched((name) => name === "OMPI_COMM_WORLD_SIZE" ? "1" : undefined), false);
  assert.equal(isLaunched((name) => name === "PMI_SIZE" ? "2" : undefined), true);
});

Deno.test("without an MPI library the error says what to install", async () => {
  const code = `import { joinGroup } from ${
    JSON.stringify(new URL("mod.ts", import.meta.url).href)
  }; joinGroup();`;
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", code],
    env: { CAUSEWAY_MPI: "/nowhere/libmpi.so", NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stderr);
  assert.match(
    text,
    /no MPI library was found \(looked for \/nowhere\/libmpi\.so\); install Open MPI or MPICH/,
  );
});
