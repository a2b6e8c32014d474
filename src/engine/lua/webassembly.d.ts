/**
 * The few types of WebAssembly that instance.ts uses. Node has WebAssembly, but its types come with the browser's (lib "dom"),
 * which a server should not see; @types/node does not declare them.
 */
declare namespace WebAssembly {
  type Imports = Record<string, Record<string, (...args: number[]) => unknown>>;
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): { module: string; name: string }[];
  }
  class Instance {
    constructor(module: Module, imports: Imports | { e: { f: unknown } });
    readonly exports: Record<string, unknown>;
  }
  /** A trap: the code did what it must not. */
  class RuntimeError extends Error {}
  interface Memory {
    readonly buffer: ArrayBuffer;
    /** Throws RangeError when the machine has no more. */
    grow(pages: number): number;
  }
  interface Table {
    get(place: number): (...args: number[]) => number;
    set(place: number, value: unknown): void;
    grow(places: number): number;
  }
}
