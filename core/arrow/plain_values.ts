/**
 * Values of table formats (Arrow, Parquet) as JSON would have them.
 *
 * @module
 */

/** One value cannot be read; the message continues `column "x" …`. The values around it can still be read. */
export class BadValue extends Error {}

/** An integer as a number, or as a string of digits if a number would round it. */
export function plainInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** Decimal digits of the fraction of a second: 3 for milliseconds. */
export type FractionDigits = 0 | 3 | 6 | 9;

/**
 * ISO 8601 in UTC, e.g. `2024-02-29T12:00:00.5Z`; a time without a zone is read as UTC.
 *
 * @param value since 1970 in units of 10^-digits seconds.
 * @throws {BadValue} for a year beyond 275,760.
 */
export function isoTimestamp(value: bigint, digits: FractionDigits): string {
  const unit = 10n ** BigInt(digits);
  const fraction = ((value % unit) + unit) % unit;
  const seconds = isoDate((value - fraction) / unit * 1000n).slice(0, -5);
  if (fraction === 0n) return `${seconds}Z`;
  return `${seconds}.${String(fraction).padStart(digits, "0").replace(/0+$/, "")}Z`;
}

/** `2024-02-29`, from days since 1970. */
export function isoDay(days: bigint): string {
  return isoDate(days * 86_400_000n).slice(0, -14);
}

function isoDate(milliseconds: bigint): string {
  const date = new Date(Number(milliseconds));
  if (Number.isNaN(date.getTime())) throw new BadValue("has a time out of range");
  return date.toISOString();
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws {BadValue} for bytes that are not UTF-8. */
export function utf8(bytes: Uint8Array): string {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new BadValue("is not UTF-8 text");
  }
}
