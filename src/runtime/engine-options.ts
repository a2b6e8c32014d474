/**
 * Keeps the engine told of the options that are its business: all at start, and each one when it changes.
 *
 * Which ones these are is in the option table (`by: 'engine'`). An engine may have no use for one (a limit of something that it
 * does not have); that is said once, in the debug log.
 */
import type { Config } from '../config/config.ts';
import { type OptionName, optionNames, rowOf } from '../config/options.ts';
import type { Store } from '../engine/engine.ts';
import { RedtwinError } from '../errors.ts';
import type { Log } from '../observe/log.ts';

export function keepEngineConfigured(config: Config, store: Store, log: Log): void {
  const tell = (name: OptionName): void => {
    if (name === 'repl-backlog-size') {
      store.feed.resize(config.value('repl-backlog-size'));
      return;
    }
    try {
      store.configure(name, config.value(name) as number | string | boolean);
    } catch (error) {
      if (!(error instanceof RedtwinError) || error.code !== 'engine-unknown-option') throw error;
      log.debug(`This engine has no use for ${name}`);
    }
  };
  for (const name of optionNames) {
    // For whom the feed is written depends on who reads it, too: replicas.ts tells it.
    if (rowOf(name).by !== 'engine' || name === 'feed-compat') continue;
    tell(name);
    config.onChange(name, () => tell(name));
  }
}
