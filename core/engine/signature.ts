/**
 * C functions of shared libraries.
 *
 * @module
 */

/** C types by letter. A buffer is memory that the function reads or writes during the call. */
const C_TYPES = {
  p: "pointer",
  b: "buffer",
  i: "i32",
  u: "u32",
  f: "f32",
  z: "usize",
} as const satisfies Record<string, Deno.NativeType>;

/** Parameter types of a function from their letters: "biz" is (buffer, i32, usize). */
export function parametersOf(letters: string): Deno.NativeType[] {
  return [...letters].map((letter) => C_TYPES[letter as keyof typeof C_TYPES]);
}

/** An argument of such a function. */
export type Argument = Deno.PointerValue | number | bigint | BufferSource | null;

/** An opaque object of a library. */
export type Handle = Deno.PointerValue;
