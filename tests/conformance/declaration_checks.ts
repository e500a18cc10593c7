/**
 * What the suite asks of a stage's declaration and of its reports.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type AnyStage, assertStage, type Columns, type InputPorts } from "../../core/stage/mod.ts";
import { emptyBatch } from "../shared/fake_context.ts";
import type { Observed } from "./bench.ts";

/** Name, version and ports keep the contract; everything is described in words. */
export function assertDeclaration(stage: unknown): void {
  assertStage(stage, "the stage");
  const { name, version, description, outputs } = stage as AnyStage;
  assert.match(version, /^\S+$/, "the version has no spaces");
  assert.match(description, /\S.*\.$/, "the description is a sentence");
  assert.ok(Object.keys(outputs).length > 0, `${name} makes nothing`);
  for (const [port, { kind, columns, description }] of portsOf(stage as AnyStage)) {
    assert.match(description, /\S/, `port "${port}" is not described`);
    if (kind !== "table") continue;
    assert.ok(Object.keys(columns!).length > 0, `port "${port}" has no columns`);
    emptyBatch(columns!); // throws for a type that there is not
  }
}

type Described = { kind: string; columns?: Columns; description: string };

function portsOf({ inputs, outputs }: AnyStage): [string, Described][] {
  const inner = Object.entries(inputs as InputPorts).map(([name, port]) => {
    return [name, port.kind === "many" || port.kind === "optional" ? port.port : port] as const;
  });
  return [...inner, ...Object.entries(outputs)] as [string, Described][];
}

/** Progress and total are counts that do not fall, and progress does not pass the total. */
export function assertProgress(reports: Observed["reports"]): void {
  let [last, last_total] = [0, 0];
  for (const [step, total = last_total] of reports) {
    const told = `report(${step}, …, ${total}) after report(${last}, …, ${last_total})`;
    assert.ok(Number.isFinite(step) && step >= last, `progress goes back: ${told}`);
    assert.ok(total >= last_total, `the total goes back: ${told}`);
    assert.ok(total === 0 || step <= total, `progress passes the total: ${told}`);
    [last, last_total] = [step, total];
  }
}
