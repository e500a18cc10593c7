import assert from "node:assert/strict";
import { torchProblem, vulkanAttempts } from "./machine.ts";

Deno.test("NVIDIA's driver is tried before whatever the Vulkan loader finds", () => {
  const folder = Deno.makeTempDirSync();
  assert.deepEqual(vulkanAttempts(folder, false, {}).map(({ env }) => env), [{}]);
  const attempts = vulkanAttempts(folder, true, {});
  assert.deepEqual(attempts.at(-1)!.env, {});
  const { VK_DRIVER_FILES } = attempts.at(-2)!.env;
  const { ICD } = JSON.parse(Deno.readTextFileSync(VK_DRIVER_FILES));
  assert.equal(ICD.library_path, "libEGL_nvidia.so.0");
  const given = vulkanAttempts(folder, true, { VK_ICD_FILENAMES: "mine.json" });
  assert.deepEqual(given, [{ name: "VK_ICD_FILENAMES as given", env: {} }]);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("PyTorch is left out with the reason where it is missing or sees no GPU", () => {
  assert.equal(torchProblem({ torch: "none: No module" }, "cuda"), "No module");
  assert.match(torchProblem({ torch: "2.0" }, "cuda")!, /PyTorch 2\.0 sees no CUDA device/);
  assert.equal(torchProblem({ torch: "2.0" }, "cpu"), undefined);
  assert.equal(torchProblem({ torch: "2.0", torch_gpu: "H" }, "cuda"), undefined);
});
