/**
 * What a command is: a function that gets its Call, answers through `call.reply`, and may throw a Refusal.
 */
import type { Call } from './call.ts';

export type Handler = (call: Call) => void;

/** The commands of one family by lower-case name; subcommands as container|sub. */
export type HandlerTable = Readonly<Record<string, Handler>>;
