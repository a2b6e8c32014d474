/** The names that hide in module ids: nine letters of six bits, the first the most significant, then ten bits of version. */

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The nine-letter name of a module's type. */
export function moduleTypeName(id: bigint): string {
  let name = '';
  for (let place = 8n; place >= 0n; place--) name += letters[Number((id >> (10n + 6n * place)) & 63n)];
  return name;
}
