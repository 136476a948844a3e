import * as React from 'react';

import { trans } from '../i18n';
import { dayAndClock, exact } from '../logic/time';
import type { IBackfillPlan, Standing } from '../tokens';
import { useNow } from './basics';

const STANDINGS: Standing[] = ['missing', 'failed', 'done', 'running'];

function standingWord(standing: Standing): string {
  const words: Record<Standing, string> = {
    missing: trans.__('missing'),
    failed: trans.__('failed'),
    done: trans.__('done'),
    running: trans.__('running')
  };
  return words[standing];
}

const GLYPHS: Record<Standing, string> = {
  missing: '○',
  failed: '✕',
  done: '✓',
  running: '●'
};

const STATES = {
  missing: 'missing',
  failed: 'failed',
  done: 'succeeded',
  running: 'running'
};

/** What a backfill would do: how the intervals stand, and which ones come first. */
export function BackfillPlan(props: { plan: IBackfillPlan; zone: string }) {
  const { plan, zone } = props;
  const now = useNow(60_000);
  const said = (n: number) => n.toLocaleString('en');
  const day = (at: string) => dayAndClock(at, zone, now);
  const present = STANDINGS.filter(standing => plan[standing] > 0);
  return (
    <>
      <p>
        <strong>
          {plan.runs
            ? trans._n(
                'Makes %1 run of %2 intervals',
                'Makes %1 runs of %2 intervals',
                plan.runs,
                said(plan.intervals)
              )
            : trans.__(
                'Nothing to run: none of %1 intervals is meant',
                said(plan.intervals)
              )}
        </strong>
        , {trans.__('%1 to %2', day(plan.first), day(plan.last))}.
        {plan.future_left_out &&
          ` ${trans.__('What is not due yet is left out.')}`}
      </p>
      <div className="jp-orch-bar" aria-hidden="true">
        {present.map(standing => (
          <span
            key={standing}
            data-state={STATES[standing]}
            style={{ flexGrow: plan[standing] }}
          />
        ))}
      </div>
      <ul className="jp-orch-counts" aria-label={trans.__('Intervals')}>
        {present.map(standing => (
          <li key={standing} data-state={STATES[standing]}>
            <span className="jp-orch-glyph" aria-hidden="true">
              {GLYPHS[standing]}
            </span>
            {said(plan[standing])} {standingWord(standing)}
          </li>
        ))}
      </ul>
      {plan.next.length > 0 && (
        <details>
          <summary>
            {trans._n(
              'The first interval',
              'The first %1 intervals',
              plan.next.length
            )}
          </summary>
          <ol className="jp-orch-plain">
            {plan.next.map(({ at, interval_start: start, standing }) => (
              <li
                key={at}
                title={exact(at, zone)}
                data-state={STATES[standing]}
              >
                <span className="jp-orch-glyph" aria-hidden="true">
                  {GLYPHS[standing]}
                </span>
                {start ? trans.__('%1 to %2', day(start), day(at)) : day(at)}{' '}
                <span className="jp-orch-muted">{standingWord(standing)}</span>
              </li>
            ))}
          </ol>
        </details>
      )}
    </>
  );
}
