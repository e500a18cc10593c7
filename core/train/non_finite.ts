/** Training has come to where losses or gradients are no numbers. The message says where, and the mend. */
export class NonFiniteError extends Error {
  override name = "NonFiniteError";
  /** @param what what is not finite, and at which step. */
  constructor(what: string) {
    super(`${what}: lower the learning rate`);
  }
}
