import * as React from 'react';

import { trans } from '../i18n';
import { complaint, isLate, kindWord, shown } from '../logic/states';
import { useRuns } from '../queries';
import type { IRun } from '../tokens';
import { Button, Elapsed, Fetched, Instant, State, useNow } from './basics';
import { useOrch } from './context';

/** The runs of a job, newest first; arrows walk, Enter opens. */
export function RunsTable(props: { job: string }) {
  const runs = useRuns(props.job);
  return (
    <Fetched query={runs} lines={6}>
      {data => {
        const items = data.pages.flatMap(page => page.items);
        return items.length ? (
          <>
            <Rows runs={items} />
            {runs.hasNextPage && (
              <div className="jp-orch-more">
                <Button
                  disabled={runs.isFetchingNextPage}
                  onClick={() => void runs.fetchNextPage()}
                >
                  {trans.__('Show more')}
                </Button>
              </div>
            )}
          </>
        ) : (
          <p className="jp-orch-empty">
            {trans.__('This job has not run yet. Run now starts it at once.')}
          </p>
        );
      }}
    </Fetched>
  );
}

function Rows(props: { runs: IRun[] }) {
  const [active, setActive] = React.useState('');
  const current = props.runs.some(run => run.id === active)
    ? active
    : props.runs[0].id;
  return (
    <div className="jp-orch-table-box">
      <table
        role="grid"
        className="jp-orch-table"
        aria-label={trans.__('Runs')}
        onKeyDown={walk}
      >
        <thead>
          <tr>
            <th scope="col">{trans.__('State')}</th>
            <th scope="col">{trans.__('For')}</th>
            <th scope="col">{trans.__('Started')}</th>
            <th scope="col">{trans.__('Took')}</th>
            <th scope="col">{trans.__('Why')}</th>
            <th scope="col">{trans.__('Notes')}</th>
          </tr>
        </thead>
        <tbody>
          {props.runs.map(run => (
            <Row
              key={run.id}
              run={run}
              active={run.id === current}
              onActive={setActive}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Row = React.memo(function Row(props: {
  run: IRun;
  active: boolean;
  onActive: (id: string) => void;
}) {
  const { run } = props;
  const orch = useOrch();
  const now = useNow();
  const open = () => orch.open('run', run.id);
  return (
    <tr
      data-row={run.id}
      tabIndex={props.active ? 0 : -1}
      onFocus={() => props.onActive(run.id)}
      onClick={open}
      onKeyDown={event => {
        if (event.key === 'Enter') {
          open();
        }
      }}
    >
      <td>
        <State of={shown(run.state)} />{' '}
        {isLate(run, now) && <State of="late" />}
      </td>
      <td>
        <Instant at={run.logical_time} as="day" />
      </td>
      <td>{run.started_at && <Instant at={run.started_at} as="ago" />}</td>
      <td>
        {run.started_at && <Elapsed from={run.started_at} to={run.ended_at} />}
      </td>
      <td>{kindWord(run.kind)}</td>
      <td className="jp-orch-clip" title={complaint(run)}>
        {run.skipped_count > 1
          ? trans.__('%1 times skipped, %2', run.skipped_count, complaint(run))
          : complaint(run)}
      </td>
    </tr>
  );
});

/** Moves the focus over rows that carry `data-row`. */
export function walk(event: React.KeyboardEvent<HTMLElement>): void {
  const rows = Array.from(
    event.currentTarget.querySelectorAll<HTMLElement>('[data-row]')
  );
  const here = rows.indexOf(event.target as HTMLElement);
  const target = {
    ArrowDown: here + 1,
    ArrowUp: here - 1,
    Home: 0,
    End: rows.length - 1
  }[event.key];
  if (here >= 0 && target !== undefined) {
    event.preventDefault();
    rows[Math.max(0, Math.min(target, rows.length - 1))].focus();
  }
}
