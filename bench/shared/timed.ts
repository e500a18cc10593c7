/** Runs something and gives its result with the seconds it took. */
export async function timed<T>(
  work: () => T | Promise<T>,
): Promise<{ seconds: number; result: T }> {
  const start = performance.now();
  const result = await work();
  return { seconds: (performance.now() - start) / 1000, result };
}
