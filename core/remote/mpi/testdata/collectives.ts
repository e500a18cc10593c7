/** Runs each collective and prints what came of it, one JSON line a rank. */
import { attachGroup, joinGroup } from "../process_group.ts";

const group = joinGroup();
const { rank, size } = group;
if (rank === 0) await new Promise((resolve) => setTimeout(resolve, 100));
await group.meet(1);

const floats = Float32Array.from({ length: 5 }, (_, i) => i + rank);
group.allReduceSum(floats);
const doubles = Float64Array.of(rank + 0.5);
attachGroup().allReduceSum(doubles);
const bytes = new Uint8Array(3).fill(rank + 7);
group.broadcast(bytes, size - 1);
const gathered = new Float32Array(2 * size);
group.allGather(Float32Array.of(rank, 10 * rank), gathered);
group.barrier();
console.log(JSON.stringify({
  rank,
  size,
  version: group.version,
  floats: [...floats],
  doubles: [...doubles],
  bytes: [...bytes],
  gathered: [...gathered],
}));
group.finalize();
