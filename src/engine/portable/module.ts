/**
 * Values of modules that are not here: kept as they came, so that they can go on to replicas and snapshots.
 *
 * Nobody may look inside; commands refuse them with WRONGTYPE, because they are no other type either.
 */
import { ValueBase } from './value.ts';

export class ModuleValue extends ValueBase {
  readonly type = 'module';
  readonly encoding = 'raw';
  /** Name of the module's type, nine letters, such as ReJSON-RL. */
  readonly name: string;
  /**
   * What stands in an RDB behind the type byte and the key: the type's id, the module's data, the closing 0. Never
   * changed.
   */
  readonly raw: Buffer;

  constructor(name: string, raw: Buffer) {
    super();
    this.name = name;
    this.raw = raw;
  }

  copy(): ModuleValue {
    return new ModuleValue(this.name, this.raw);
  }

  sizeBytes(): number {
    return this.raw.length + 48;
  }
}
