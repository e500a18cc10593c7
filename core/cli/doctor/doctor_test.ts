import assert from "node:assert/strict";
import { runCommand } from "../../../tests/shared/commands.ts";
import { main } from "./doctor.ts";

Deno.test("doctor names what works, and the fix for what does not", async () => {
  const held = Deno.env.get("CAUSEWAY_MPI");
  Deno.env.set("CAUSEWAY_MPI", "/nowhere/libmpi.so");
  try {
    const { code, out, err } = await runCommand(main, []);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^ok +Deno +2\./m);
    assert.match(out, /^ok +disk +[\d.]+ [kMGT]B free for out$/m);
    assert.match(out, /^ok +training on the CPU +computed a product$/m);
    assert.match(
      out,
      /^- +MPI \(mpirun -n N\) +no MPI library was found .* install Open MPI or MPICH/m,
    );
    assert.match(out, /^(ok|-) +port 7411 of the dashboard /m);
    assert.equal(out.split("\n").every((line) => /^(ok|-|missing) /.test(line)), true, out);
  } finally {
    if (held === undefined) Deno.env.delete("CAUSEWAY_MPI");
    else Deno.env.set("CAUSEWAY_MPI", held);
  }
});
