import * as React from 'react';

import { trans } from '../i18n';
import { runsIcon } from '../icons';
import type { RunFilter, RunState } from '../tokens';
import { Button } from './basics';
import { useOrch, useSignal } from './context';
import { RunsTable } from './RunsTable';
import { useSettled } from './steady';

/** Typing pauses this long before the server is asked, in milliseconds. */
const TYPING = 200;

/** Every run there is: of jobs, of jobs that were deleted, and of papermill. */
export function RunsPage() {
  const { runs } = useOrch();
  useSignal(runs.changed);
  const { state, search, alike } = runs.value;
  const settled = useSettled(search, TYPING);
  const filter = React.useMemo(
    () =>
      alike
        ? { job: alike.job, fingerprint: alike.fingerprint }
        : { state: statesOf(state), search: settled },
    [state, settled, alike]
  );
  const filtered = state !== '' || settled !== '' || Boolean(alike);
  const showAll = () => runs.set({ state: '', search: '' });
  return (
    <main className="jp-orch-page">
      <header className="jp-orch-header">
        <div className="jp-orch-title">
          <h1>{trans.__('All runs')}</h1>
        </div>
        <div className="jp-orch-filters" role="search">
          <input
            type="search"
            className="jp-mod-styled"
            placeholder={trans.__('Search by job')}
            aria-label={trans.__('Search runs by job')}
            value={search}
            onChange={event => runs.set({ state, search: event.target.value })}
          />
          <select
            className="jp-mod-styled"
            aria-label={trans.__('State')}
            value={state}
            onChange={event =>
              runs.set({ state: event.target.value as RunFilter, search })
            }
          >
            {Object.entries(filterWords()).map(([value, word]) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </select>
        </div>
        {alike && (
          <div className="jp-orch-muted" role="status">
            {trans.__('Runs of %1 that failed in the same way', alike.name)}{' '}
            <Button kind="link" onClick={showAll}>
              {trans.__('Show all runs')}
            </Button>
          </div>
        )}
      </header>
      <RunsTable
        named
        filter={filter}
        empty={
          <div className="jp-orch-empty">
            <runsIcon.react tag="span" width="48px" height="48px" />
            <p>
              {filtered
                ? trans.__('No run is like this.')
                : trans.__(
                    'Each run of a notebook shows up here, with how it went and what it wrote.'
                  )}
            </p>
            {filtered && (
              <Button onClick={showAll}>{trans.__('Show all runs')}</Button>
            )}
          </div>
        }
      />
    </main>
  );
}

function statesOf(filter: RunFilter): RunState[] {
  switch (filter) {
    case '':
      return [];
    case 'active':
      return ['queued', 'running', 'publishing'];
    case 'running':
      return ['running', 'publishing'];
    default:
      return [filter];
  }
}

function filterWords(): Record<RunFilter, string> {
  return {
    '': trans.__('all states'),
    active: trans.__('under way'),
    queued: trans.__('queued'),
    running: trans.__('running'),
    succeeded: trans.__('succeeded'),
    failed: trans.__('failed'),
    cancelled: trans.__('cancelled'),
    skipped: trans.__('skipped')
  };
}
