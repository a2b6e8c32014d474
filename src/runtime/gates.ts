/**
 * The gates that every client command is held against, from the configuration and the state of things.
 *
 *     replica?  read-only?  link up?  loading?  last save failed?  enough replicas?  paused?   -->  store.gate(...)
 *
 * A pure function; the server calls it whenever one of its inputs may have changed.
 */
import type { Config } from '../config/config.ts';
import type { OptionName } from '../config/options.ts';
import type { Gates } from '../engine/engine.ts';
import type { LinkStatus } from './follower-types.ts';

/** Options whose change may open or close a gate. */
export const gateOptions: readonly OptionName[] = [
  'replica-read-only',
  'replica-serve-stale-data',
  'min-replicas-to-write',
  'min-replicas-max-lag',
  'stop-writes-on-bgsave-error',
  'save',
];

export function gatesOf(
  config: Config,
  link: Pick<LinkStatus, 'target' | 'up' | 'loading'>,
  state: { isLoadingFile: boolean; lastSaveFailed: boolean; goodReplicas: number; isPaused: boolean },
): Gates {
  const isReplica = link.target !== null;
  const savesByItself = config.value('save').length > 0;
  return {
    replica: isReplica,
    readOnly: isReplica && config.value('replica-read-only'),
    masterDown: isReplica && !link.up && !config.value('replica-serve-stale-data'),
    loading: state.isLoadingFile || link.loading === 'blocking',
    misconf:
      !isReplica && state.lastSaveFailed && savesByItself && config.value('stop-writes-on-bgsave-error'),
    paused: state.isPaused,
    noReplicas:
      !isReplica &&
      config.value('min-replicas-max-lag') > 0 &&
      state.goodReplicas < config.value('min-replicas-to-write'),
  };
}
