import { trans } from '../i18n';
import type { FailureClass, IPolicies } from '../tokens';
import { span } from './triggerWords';

export const POLICIES: IPolicies = {
  retries: 0,
  retry_delay_seconds: 10,
  retry_backoff: 2,
  retry_max_delay_seconds: 3600,
  retry_on: ['user_error', 'timeout', 'lost_worker', 'platform'],
  timeout_seconds: null,
  cell_timeout_seconds: null,
  queue_timeout_seconds: null,
  catch_up: 'latest',
  max_catch_up: 100,
  max_staleness_seconds: null,
  overlap: 'queue',
  max_parallel: null,
  pool: 'default',
  priority: 0,
  late_after_seconds: null
};

/** The policies in one line. */
export function policyLine(policies: IPolicies): string {
  const { retries, timeout_seconds: timeout, catch_up: catchUp } = policies;
  const said = [
    retries > 0
      ? trans._n('%1 retry', '%1 retries', retries)
      : trans.__('no retry'),
    timeout
      ? trans.__('stops after %1', span(timeout))
      : trans.__('no time limit'),
    overlapWords()[policies.overlap],
    trans.__('catch up: %1', catchUp)
  ];
  if (policies.pool !== POLICIES.pool) {
    said.push(trans.__('pool %1', policies.pool));
  }
  if (policies.priority) {
    said.push(trans.__('priority %1', policies.priority));
  }
  if (policies.late_after_seconds !== null) {
    said.push(trans.__('late after %1', span(policies.late_after_seconds)));
  }
  return said.join(' · ');
}

export function overlapWords(): Record<IPolicies['overlap'], string> {
  return {
    queue: trans.__('wait for the run before'),
    skip: trans.__('skip if still running'),
    cancel_running: trans.__('stop the run before'),
    latest_only: trans.__('wait, and drop those that wait already'),
    parallel: trans.__('run side by side')
  };
}

/** What each policy for overlap does, in one sentence. */
export function overlapSentences(): Record<IPolicies['overlap'], string> {
  return {
    queue: trans.__('The run waits until the other one has ended.'),
    skip: trans.__(
      'No run is made; the list of runs says which times were skipped.'
    ),
    cancel_running: trans.__(
      'The other run is asked to stop, and this one starts when it has.'
    ),
    latest_only: trans.__(
      'The run waits, and takes the place of those that wait; they end as skipped.'
    ),
    parallel: trans.__('The run starts at once, beside the other one.')
  };
}

export function catchUpWords(): Record<IPolicies['catch_up'], string> {
  return {
    none: trans.__('nothing'),
    latest: trans.__('the latest missed run'),
    all: trans.__('every missed run')
  };
}

export function failureWords(): Record<FailureClass, string> {
  return {
    user_error: trans.__('an error of the notebook'),
    timeout: trans.__('a time limit'),
    lost_worker: trans.__('a lost worker'),
    platform: trans.__('trouble of the platform')
  };
}
