/**
 * Numbers and tables for people: sizes in steps of 1024, counts in groups of three, names on one line whatever they hold.
 *
 * Programs get JSON instead, and exact numbers.
 */

const steps = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

/** 1536 as '1.5 KB' (of 1024). */
export function bytes(number: number): string {
  let step = 0;
  let value = number;
  while (value >= 1024 && step < steps.length - 1) {
    value /= 1024;
    step++;
  }
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${steps[step]}`;
}

/** Seconds as '3 s', '2 min 5 s', '1 h 4 min'. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** 1234567 as '1,234,567'; a whole number. Without Intl, which takes longer to load than some commands run. */
export const grouped = (number: number): string => String(number).replace(/\B(?=(\d{3})+$)/g, ',');

/** A share as '12.3 %'. */
export const percent = (part: number, whole: number): string =>
  `${whole === 0 ? '0.0' : ((100 * part) / whole).toFixed(1)} %`;

/** Columns under headings; those whose name begins with '>' are set to the right. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const names = headings.map((heading) => heading.replace(/^>/, ''));
  const widths = names.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const set = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        headings[column]!.startsWith('>') ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return `${[names, widths.map((width) => '-'.repeat(width)), ...rows].map(set).join('\n')}\n`;
}

/** A name that may hold anything, on one line: lone surrogates (bytes that are no UTF-8) and control characters as \xNN. */
export function printable(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return name.replace(/[\x00-\x1f\x7f]|[\udc80-\udcff]/g, (character, at: number) => {
    const code = character.charCodeAt(0);
    const isPaired = code >= 0xdc80 && at > 0 && /[\ud800-\udbff]/.test(name[at - 1]!);
    return isPaired ? character : `\\x${(code & 255).toString(16).padStart(2, '0')}`;
  });
}
