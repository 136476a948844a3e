import * as React from 'react';

import { trans } from '../i18n';
import { complaint, hasEnded, isLate, kindWord, shown } from '../logic/states';
import { IRunsFilter, useRun } from '../queries';
import type { IRun } from '../tokens';
import { Button, Elapsed, Instant, State, useNow } from './basics';
import { useOrch } from './context';
import { Fetched } from './Fetched';
import { useRunList } from './runList';
import { useHeld } from './steady';

/** Runs, newest first; arrows walk, Enter opens. */
export function RunsTable(props: {
  filter: IRunsFilter;
  /** Whether each row names its job. */
  named?: boolean;
  /** Stands in for a list without rows. */
  empty: React.ReactNode;
}) {
  const { held, hold } = useHeld();
  const list = useRunList(props.filter, held);
  const fresh = React.useMemo(
    () => new Set(list.fresh?.map(run => run.id)),
    [list.fresh]
  );
  return (
    <Fetched
      query={list.query}
      lines={6}
      label={trans.__('Asking for the runs…')}
    >
      {({ runs, waiting }) =>
        runs.length ? (
          <>
            <div className="jp-orch-news" role="status">
              {waiting > 0 && (
                <Button kind="link" onClick={list.showWaiting}>
                  {trans._n('↑ %1 new run', '↑ %1 new runs', waiting)}
                </Button>
              )}
            </div>
            <div {...hold}>
              <Rows runs={runs} named={props.named} fresh={fresh} />
            </div>
            {list.more && (
              <div className="jp-orch-more">
                <Button disabled={list.loading} onClick={list.more}>
                  {list.loading ? trans.__('Loading…') : trans.__('Show more')}
                </Button>
              </div>
            )}
          </>
        ) : (
          <>{props.empty}</>
        )
      }
    </Fetched>
  );
}

function Rows(props: {
  runs: IRun[];
  named?: boolean;
  fresh: ReadonlySet<string>;
}) {
  const { runs, named, fresh } = props;
  const [active, setActive] = React.useState('');
  const current = runs.some(run => run.id === active) ? active : runs[0].id;
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
            {named && <th scope="col">{trans.__('Job')}</th>}
            <th scope="col">{trans.__('For')}</th>
            <th scope="col">{trans.__('Started')}</th>
            <th scope="col">{trans.__('Took')}</th>
            <th scope="col">{trans.__('Why')}</th>
            <th scope="col">{trans.__('Notes')}</th>
          </tr>
        </thead>
        <tbody>
          {runs.map(run => (
            <Row
              key={run.id}
              run={run}
              named={named}
              alone={!fresh.has(run.id) && !hasEnded(run.state)}
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
  named?: boolean;
  /** Whether no list brings news of it: then it is asked for by itself. */
  alone: boolean;
  active: boolean;
  onActive: (id: string) => void;
}) {
  const alone = useRun(props.run.id, props.alone);
  const run = (props.alone && alone.data?.run) || props.run;
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
      {props.named && (
        <td className="jp-orch-clip" title={`${run.job_name}\n${run.notebook}`}>
          {run.job_name}
        </td>
      )}
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
