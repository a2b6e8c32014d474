/**
 * Modules of src/ as users run them: from dist/. What runs TypeScript here (tsx) wraps every function to keep its name, also
 * the small ones inside hot loops, so the sources themselves must not be timed.
 *
 *     const { ReplyDecoder } = await built<typeof import('../src/protocol/reply-decoder.ts')>('protocol/reply-decoder.js');
 */
export const built = async <Module>(path: string): Promise<Module> =>
  (await import(new URL(`../../dist/${path}`, import.meta.url).href)) as Module;
