/**
 * The mixtures of a study, and the sources that its settings name.
 *
 * @module
 */
import type { StudySettings } from "./settings.ts";

type Named = Pick<StudySettings, "general" | "groups">;

/** The sources of a specialised source with their shares in it, which sum to 1: itself, or the members of a group. */
export function membersOf({ groups = {} }: Named, specialised: string): Record<string, number> {
  const group = groups[specialised];
  if (group === undefined) return { [specialised]: 1 };
  const sum = Object.values(group).reduce((a, b) => a + b, 0);
  return Object.fromEntries(Object.entries(group).map(([name, part]) => [name, part / sum]));
}

/** A mixture of the specialised source at its weight, and general data: shares by source. */
export function mixtureOf(
  settings: Named,
  specialised: string,
  weight: number,
): Record<string, number> {
  const { general } = settings;
  if (weight === 0) return { [general]: 1 };
  const members = Object.entries(membersOf(settings, specialised));
  const own = members.length === 1
    ? { [members[0][0]]: weight }
    // 75% of 20% is 15%, and not 15.000000000000002%.
    : Object.fromEntries(
      members.map(([name, share]) => [name, Number((weight * share).toPrecision(12))]),
    );
  return weight === 1 ? own : { [general]: 1 - weight, ...own };
}

/**
 * Checks that every name in the settings means something.
 *
 * @throws {Error} listing all that is wrong.
 */
export function checkNames(settings: StudySettings): void {
  const { general, groups = {}, held_out = [], midtraining, targets, matched } = settings;
  const { grid, continued, trunk_seeds = 1, trunk } = settings;
  const sources = Object.keys(settings.data.sources),
    target_names = targets.map(({ name }) => name);
  const problems: string[] = [];
  const mustBeSource = (name: string, where: string) => {
    if (!sources.includes(name)) {
      problems.push(`${where}: unknown source "${name}"; sources are ${sources.join(", ")}`);
    }
  };
  mustBeSource(general, "general");
  for (const name of held_out) mustBeSource(name, "held_out");
  for (const name of target_names) mustBeSource(name, "targets");
  for (const [name, members] of Object.entries(groups)) {
    if (sources.includes(name)) {
      problems.push(`groups: "${name}" is a source too; rename the group`);
    }
    if (Object.keys(members).length === 0) problems.push(`groups: "${name}" has no sources`);
    for (const [member, part] of Object.entries(members)) {
      mustBeSource(member, `groups.${name}`);
      if (!(part > 0)) {
        problems.push(`groups.${name}.${member} must be greater than 0, got ${part}`);
      }
    }
  }
  const specialised = [
    ...midtraining.map(({ specialised }) => specialised),
    ...(grid ? [grid.specialised] : []),
    ...(continued?.specialised ?? []),
  ];
  for (const name of new Set(specialised)) {
    if (!(name in groups)) mustBeSource(name, "specialised");
    if (!target_names.includes(matched[name])) {
      problems.push(`matched: "${name}" needs the target that it is meant for, one of targets`);
    }
  }
  if (!Number.isInteger(trunk_seeds) || trunk_seeds < 1) {
    problems.push(`trunk_seeds must be a positive integer, got ${trunk_seeds}`);
  }
  if (trunk && !(trunk.decay_share > 0 && trunk.decay_share < 1)) {
    problems.push(`trunk.decay_share must be between 0 and 1, got ${trunk.decay_share}`);
  }
  if (problems.length > 0) {
    throw new Error([`the settings of study "${settings.name}":`, ...problems].join("\n  "));
  }
}
