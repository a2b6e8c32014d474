/**
 * Draws the edges of a machine as a mermaid state diagram.
 *
 * A table of twenty states has a hundred edges, and most say the same of many states. So states can be
 * grouped: an edge that all members of a group have is drawn once, from the group's box. Events that lead the
 * same way share one arrow. What is drawn is still every edge of the table, and nothing else.
 */
import type { Edge } from './machine.ts';

/** A box around states. Members are states or groups that stand before it in the list. */
export interface Group {
  name: string;
  members: readonly string[];
}

/** Stands for "where it came from", so that loops of different states can be compared. */
const itself = '';

/** The diagram's text. `first` is the state a machine begins in. O(edges * groups). */
export function draw(edges: readonly Edge[], first: string, groups: readonly Group[] = []): string {
  const names = new Set([first, ...edges.flatMap(({ from, to }) => [from, to])]);
  let left = unique(edges.map(({ from, event, to }) => ({ from, event, to: to === from ? itself : to })));
  for (const group of groups) left = lift(left, group);

  const arrows = new Map<string, string[]>();
  for (const { from, event, to } of left) {
    const arrow = `${id(from)} --> ${id(to === itself ? from : to)}`;
    arrows.set(arrow, [...(arrows.get(arrow) ?? []), event]);
  }
  const lines = [
    ...[...names].filter((name) => id(name) !== name).map((name) => `state "${name}" as ${id(name)}`),
    `[*] --> ${id(first)}`,
    ...boxes(groups),
    ...[...arrows].map(([arrow, events]) => `${arrow}: ${events.join(', ')}`),
  ];
  return ['stateDiagram-v2', ...lines.map((line) => `    ${line}`), ''].join('\n');
}

/** Mermaid's names have no hyphens. */
const id = (name: string): string => name.replaceAll('-', '_');

const key = ({ event, to }: Edge): string => `${event} ${to}`;
const unique = (edges: Edge[]): Edge[] => [
  ...new Map(edges.map((edge) => [`${edge.from} ${key(edge)}`, edge])).values(),
];

/** Takes the edges that all members share away from them and gives them to the group, behind all others. */
function lift(edges: Edge[], { name, members }: Group): Edge[] {
  const [first, ...others] = members.map((member) => edges.filter(({ from }) => from === member));
  const shared = (first ?? []).filter((edge) =>
    others.every((of) => of.some((other) => key(other) === key(edge))),
  );
  const lifted = new Set(shared.map(key));
  return [
    ...edges.filter((edge) => !(members.includes(edge.from) && lifted.has(key(edge)))),
    ...shared.map((edge) => ({ ...edge, from: name })),
  ];
}

/** The boxes as nested blocks; a group that is a member of a later one stands inside of it. */
function boxes(groups: readonly Group[]): string[] {
  const block = ({ name, members }: Group): string[] => [
    `state ${id(name)} {`,
    ...members.flatMap((member) => {
      const inner = groups.find((group) => group.name === member);
      return (inner === undefined ? [id(member)] : block(inner)).map((line) => `    ${line}`);
    }),
    '}',
  ];
  return groups.filter(({ name }) => !groups.some(({ members }) => members.includes(name))).flatMap(block);
}
