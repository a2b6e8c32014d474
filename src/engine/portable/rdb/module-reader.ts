/**
 * Finds the end of what a module wrote. Every piece of it has an opcode in front, so it can be walked without
 * being understood.
 *
 *     opcode, piece, opcode, piece, ... 0
 */
import { ModuleOpcode } from './format.ts';
import { type Input, more, type Step } from './input.ts';

/** Takes everything up to the closing 0. The caller keeps it raw with `startRaw` and `takeRaw`. */
export function* skipModuleData(input: Input): Step<void> {
  for (;;) {
    const opcode = input.length() ?? (yield* more(() => input.length()));
    switch (opcode) {
      case ModuleOpcode.end:
        return;
      case ModuleOpcode.signed:
      case ModuleOpcode.unsigned:
        void (input.bigLength() ?? (yield* more(() => input.bigLength())));
        break;
      case ModuleOpcode.float:
        void (input.int32() ?? (yield* more(() => input.int32())));
        break;
      case ModuleOpcode.double:
        void (input.double() ?? (yield* more(() => input.double())));
        break;
      case ModuleOpcode.string:
        void (input.blob() ?? (yield* more(() => input.blob())));
        break;
      default:
        throw input.corrupt(`module data with the opcode ${opcode}`);
    }
  }
}
