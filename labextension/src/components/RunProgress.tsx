import * as React from 'react';

import { trans } from '../i18n';
import { cellOf, outlook } from '../logic/progress';
import type { IRunDetail } from '../tokens';
import { Elapsed, useNow } from './basics';

/** How far a run is that has not ended, and how long it may still take. */
export function RunProgress(props: { detail: IRunDetail }) {
  const { run, usual } = props.detail;
  const now = useNow(1_000);
  const words =
    run.state === 'queued'
      ? trans.__('Waiting for a worker')
      : run.state === 'publishing'
        ? trans.__('Publishing the tables')
        : cellOf(run);
  const left = outlook(run, usual, now);
  return (
    <div className="jp-orch-progress">
      <progress
        aria-label={trans.__('Cells done')}
        {...(run.cells_total
          ? { value: run.cells_done, max: run.cells_total }
          : {})}
      />
      <span>
        {words}
        {run.state === 'running' && run.started_at && (
          <>
            {' · '}
            <Elapsed from={run.started_at} to={null} />
          </>
        )}
        {left && ` · ${left}`}
      </span>
      <Announced words={words} />
    </div>
  );
}

/** For screen readers, and not more often than they can say it. */
function Announced(props: { words: string }) {
  const tick = useNow(5_000);
  const latest = React.useRef(props.words);
  latest.current = props.words;
  const [said, say] = React.useState(props.words);
  React.useEffect(() => say(latest.current), [tick]);
  return (
    <span className="jp-orch-unseen" role="status">
      {said}
    </span>
  );
}
