/** A worker that compiles nothing, and ends with an error at the first run. */
/// <reference lib="deno.worker" />
self.onmessage = ({ data: { type } }: MessageEvent<{ type: string }>) => {
  if (type === "compile") self.postMessage({ outputs: {} });
  else setTimeout(() => raise());
};

function raise(): never {
  throw new Error("out of luck");
}
