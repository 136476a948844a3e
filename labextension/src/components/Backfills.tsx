import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { sentence } from '../api';
import { trans } from '../i18n';
import { runsIcon } from '../icons';
import { progress } from '../logic/backfill';
import { brief } from '../logic/parameters';
import { Shown, word } from '../logic/states';
import { dayAndClock } from '../logic/time';
import { useBackfills } from '../queries';
import type { IBackfill, RunState } from '../tokens';
import { Button, Instant, State, useNow } from './basics';
import { useOrch } from './context';
import { Fetched } from './Fetched';
import { RunsTable } from './RunsTable';

const COUNTED: RunState[] = [
  ...(['succeeded', 'failed', 'running', 'publishing'] as const),
  ...(['queued', 'cancelled', 'skipped'] as const)
];

/** The backfills of a job, newest first. */
export function Backfills(props: { job: string; onNew?: () => void }) {
  const list = useBackfills(props.job);
  return (
    <Fetched
      query={list}
      lines={4}
      label={trans.__('Asking for the backfills…')}
    >
      {({ pages }) => {
        const items = pages.flatMap(page => page.items);
        return items.length ? (
          <>
            {items.map(item => (
              <Item key={item.id} backfill={item} />
            ))}
            {list.hasNextPage && (
              <div className="jp-orch-more">
                <Button
                  disabled={list.isFetchingNextPage}
                  onClick={() => void list.fetchNextPage()}
                >
                  {list.isFetchingNextPage
                    ? trans.__('Loading…')
                    : trans.__('Show more')}
                </Button>
              </div>
            )}
          </>
        ) : (
          <div className="jp-orch-empty">
            <runsIcon.react tag="span" width="48px" height="48px" />
            <p>
              {trans.__(
                'A backfill runs past intervals: of the time before the job was made, or again with a mended notebook.'
              )}
            </p>
            {props.onNew && (
              <Button onClick={props.onNew}>{trans.__('Backfill…')}</Button>
            )}
          </div>
        );
      }}
    </Fetched>
  );
}

function Item(props: { backfill: IBackfill }) {
  const { backfill } = props;
  const { api, say, confirm } = useOrch();
  const client = useQueryClient();
  const now = useNow(60_000);
  const [shown, setShown] = React.useState(false);
  const [busy, setBusy] = React.useState(false);
  const filter = React.useMemo(
    () => ({ backfill: backfill.id }),
    [backfill.id]
  );
  const zone = backfill.trigger.time_zone;
  const { done, of } = progress(backfill);
  const range = trans.__(
    '%1 to %2',
    dayAndClock(backfill.first, zone, now),
    dayAndClock(backfill.last, zone, now)
  );
  const own = Object.entries(backfill.parameters);
  const counted = COUNTED.filter(state => backfill.counts[state]);
  const cancel = async () => {
    const sure = await confirm(
      trans.__('Cancel the backfill?'),
      trans.__(
        'No more runs are made, those that wait are cancelled, and those that run are asked to stop. What has ended stays.'
      ),
      trans.__('Cancel the backfill')
    );
    if (!sure) {
      return;
    }
    setBusy(true);
    try {
      await api.cancelBackfill(backfill.id);
    } catch (error) {
      say(sentence(error), 'error');
    } finally {
      setBusy(false);
      void client.invalidateQueries({ queryKey: ['backfills'] });
    }
  };
  return (
    <article className="jp-orch-backfill" aria-label={range}>
      <div className="jp-orch-title">
        <State of={backfill.state} />
        <strong>{range}</strong>
        <span className="jp-orch-muted">
          {backfill.trigger.id} · <Instant at={backfill.created_at} as="ago" />
          {' · '}
          {trans.__('by %1', backfill.created_by)}
        </span>
      </div>
      {own.length > 0 && (
        <code>
          {own.map(([name, value]) => `${name} = ${brief(value)}`).join(', ')}
        </code>
      )}
      {backfill.error && <p className="jp-orch-bad">{backfill.error}</p>}
      <div className="jp-orch-progress">
        <progress
          aria-label={trans.__('Runs that have ended')}
          value={done}
          max={of || 1}
        />
        <span role="status">
          {trans._n(
            '%2 of %1 run',
            '%2 of %1 runs',
            of,
            done.toLocaleString('en')
          )}
        </span>
      </div>
      {counted.length > 0 && (
        <ul className="jp-orch-counts" aria-label={trans.__('Runs by state')}>
          {counted.map(state => (
            <li key={state}>
              {backfill.counts[state]?.toLocaleString('en')}{' '}
              {word((state === 'publishing' ? 'running' : state) as Shown)}
            </li>
          ))}
        </ul>
      )}
      <div className="jp-orch-buttons">
        <Button onClick={() => setShown(old => !old)}>
          {shown ? trans.__('Hide the runs') : trans.__('Show the runs')}
        </Button>
        {backfill.state === 'running' && (
          <Button once disabled={busy} onClick={() => void cancel()}>
            {busy ? trans.__('Cancelling…') : trans.__('Cancel the backfill')}
          </Button>
        )}
      </div>
      {shown && (
        <RunsTable
          filter={filter}
          empty={
            <p className="jp-orch-empty">{trans.__('No run was made yet.')}</p>
          }
        />
      )}
    </article>
  );
}
