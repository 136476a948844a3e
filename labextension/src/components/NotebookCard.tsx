import * as React from 'react';

import { trans } from '../i18n';
import { outlook } from '../logic/progress';
import { complaint, shownOfJob } from '../logic/states';
import { useJobs } from '../queries';
import type { IJobSummary } from '../tokens';
import { useBusy, useJobActions } from './actions';
import { Button, Elapsed, Instant, State, useNow } from './basics';
import { useOrch, useSignal } from './context';
import { Problem, Skeleton } from './Fetched';
import { NextDue } from './JobRow';

/** What is scheduled of the notebook in front, or the button that schedules it. */
export function NotebookCard() {
  const orch = useOrch();
  useSignal(orch.current.changed);
  const { path } = orch.current;
  return path ? <CardOf key={path} path={path} /> : null;
}

function CardOf(props: { path: string }) {
  const { path } = props;
  const orch = useOrch();
  const jobs = useJobs({ notebook: path });
  const items = jobs.data?.items ?? [];
  const file = path.slice(path.lastIndexOf('/') + 1);
  const schedule = () => orch.view.set({ mode: 'create', notebook: path });
  return (
    <section aria-label={trans.__('This notebook')} className="jp-orch-card">
      <header>
        <h3 title={path}>{file}</h3>
        {items.length > 0 && (
          <Button kind="link" onClick={schedule}>
            {trans.__('Schedule again')}
          </Button>
        )}
      </header>
      {!jobs.data && jobs.error && (
        <Problem error={jobs.error} retry={() => void jobs.refetch()} />
      )}
      {!jobs.data && !jobs.error && <Skeleton lines={2} />}
      {jobs.data && !items.length && (
        <>
          <p>{trans.__('This notebook has no job yet.')}</p>
          <Button kind="accept" onClick={schedule}>
            {trans.__('Schedule this notebook')}
          </Button>
        </>
      )}
      {items.map(item => (
        <CardJob key={item.job.id} summary={item} />
      ))}
    </section>
  );
}

function CardJob(props: { summary: IJobSummary }) {
  const { summary } = props;
  const { job, last_run: last, active_run: running } = summary;
  const orch = useOrch();
  const actions = useJobActions();
  const busy = useBusy(job.id);
  const state = shownOfJob(summary);
  const run = running ?? last;
  const now = useNow();
  const left = running && outlook(running, summary.usual, now);
  return (
    <div className="jp-orch-card-job">
      <div className="jp-orch-card-line">
        <Button kind="link" onClick={() => orch.open('job', job.id)}>
          {job.spec.name}
        </Button>
        {state && (
          <span>
            <State of={state} />
            {run?.started_at && (
              <span className="jp-orch-muted">
                {' '}
                <Elapsed from={run.started_at} to={run.ended_at} />
                {left && ` · ${left}`}
              </span>
            )}
          </span>
        )}
      </div>
      {run?.state === 'failed' && (
        <div className="jp-orch-bad jp-orch-clip">{complaint(run)}</div>
      )}
      <div className="jp-orch-muted">
        <NextDue summary={summary} next={summary.next_due} />
        {last?.ended_at && (
          <>
            {' · '}
            {trans.__('last')} <Instant at={last.ended_at} as="ago" />
          </>
        )}{' '}
        <span className="jp-orch-badge">
          {job.spec.source === 'pinned'
            ? trans.__('pinned')
            : trans.__('tracking')}
        </span>
      </div>
      <div className="jp-orch-buttons">
        <Button
          once
          disabled={busy === 'run'}
          onClick={() => void actions.runNow(summary)}
        >
          {trans.__('Run now')}
        </Button>
        {run && (
          <Button onClick={() => orch.open('run', run.id)}>
            {running ? trans.__('Watch') : trans.__('Last run')}
          </Button>
        )}
        <Button
          title={trans.__('Edit schedule')}
          onClick={() => actions.edit(summary)}
        >
          {trans.__('Edit')}
        </Button>
      </div>
    </div>
  );
}
