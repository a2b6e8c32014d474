/**
 * INFO: sections as lists of fields, assembled into the text that clients parse.
 *
 *     # Server
 *     redis_version:7.0.15
 *     ...
 *                          an empty line between sections
 *     # Clients
 *
 * Which sections there are and in which order is Redis 7.0's. What is in them is in info-sections.ts; the facts are
 * gathered by the runtime.
 */
import type { InfoFacts } from './info-facts.ts';
import { type Fields, sectionFields } from './info-sections.ts';

interface Section {
  readonly title: string;
  readonly fields: (facts: InfoFacts) => Fields;
  /** Part of a plain INFO. */
  readonly isDefault: boolean;
}

const section = (title: string, fields: Section['fields'], isDefault = true): Section => ({
  title,
  fields,
  isDefault,
});

const sections: readonly Section[] = [
  section('Server', sectionFields.server),
  section('Clients', sectionFields.clients),
  section('Memory', sectionFields.memory),
  section('Persistence', sectionFields.persistence),
  section('Stats', sectionFields.stats),
  section('Replication', sectionFields.replication),
  section('CPU', sectionFields.cpu),
  section('Modules', () => []),
  section('Commandstats', sectionFields.commandstats, false),
  section('Errorstats', sectionFields.errorstats),
  section('Latencystats', sectionFields.latencystats, false),
  section('Cluster', () => [['cluster_enabled', 0]]),
  section('Keyspace', sectionFields.keyspace),
];

const sectionText = ({ title, fields }: Section, facts: InfoFacts): string =>
  `# ${title}\r\n${fields(facts)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')}`;

/** The text for the sections asked for (lower-case names; none means the default ones). Unknown names give nothing. */
export function infoText(wanted: readonly string[], facts: InfoFacts): string {
  const names = wanted.length === 0 ? ['default'] : wanted;
  const everything = names.includes('all') || names.includes('everything');
  return sections
    .filter(
      ({ title, isDefault }) =>
        everything || names.includes(title.toLowerCase()) || (isDefault && names.includes('default')),
    )
    .map((each) => sectionText(each, facts))
    .join('\r\n');
}
