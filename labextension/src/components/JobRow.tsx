import { deleteIcon, editIcon, runIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { trans } from '../i18n';
import { pauseIcon, resumeIcon } from '../icons';
import { cellOf, outlook } from '../logic/progress';
import { complaint, isFailing, isLate, shownOfJob } from '../logic/states';
import type { IJobSummary, IRun } from '../tokens';
import { useBusy, useJobActions } from './actions';
import { IconButton, Instant, State, useNow } from './basics';
import { useOrch } from './context';

/** A job on two lines: how it is called and does, and what comes next. */
export const JobRow = React.memo(function JobRow(props: {
  summary: IJobSummary;
  rowKey: string;
  /** It was deleted while somebody looked at it. */
  gone?: boolean;
  active: boolean;
  onActive: (key: string) => void;
}) {
  const orch = useOrch();
  const { summary, rowKey, active } = props;
  const { job, active_run: running } = summary;
  const now = useNow();
  const state = shownOfJob(summary);
  const open = () => orch.open('job', job.id);
  return (
    <div
      role="row"
      className="jp-orch-row"
      data-gone={props.gone}
      data-row={rowKey}
      tabIndex={active ? 0 : -1}
      aria-label={job.spec.name}
      onFocus={() => props.onActive(rowKey)}
      onClick={open}
      onKeyDown={event => {
        if (event.key === 'Enter' && event.target === event.currentTarget) {
          open();
        }
      }}
    >
      <div role="gridcell" className="jp-orch-row-text">
        <div className="jp-orch-row-name">
          {state ? (
            <State of={state} wordless />
          ) : (
            <span className="jp-orch-glyph" aria-hidden="true">
              ·
            </span>
          )}
          <span title={`${job.spec.name}\n${job.spec.notebook}`}>
            {job.spec.name}
          </span>
          {running && isLate(running, now) && <State of="late" />}
        </div>
        <div className="jp-orch-row-more">
          {props.gone ? (
            trans.__('deleted')
          ) : (
            <RowNews summary={summary} now={now} />
          )}
        </div>
        {running && running.cells_total > 0 && (
          <progress
            aria-label={trans.__('Cells done')}
            value={running.cells_done}
            max={running.cells_total}
          />
        )}
      </div>
      <div role="gridcell" className="jp-orch-row-actions">
        {!props.gone && (
          <JobButtons summary={summary} tabIndex={active ? 0 : -1} />
        )}
      </div>
    </div>
  );
});

/** What is worth saying about a job in a line: how it stands, then what comes next. */
function RowNews(props: { summary: IJobSummary; now: Date }) {
  const { summary, now } = props;
  const { job, active_run: running, last_run: last } = summary;
  const next = <NextDue summary={summary} next={summary.next_due} />;
  const trouble = running
    ? null
    : (job.error ?? (isFailing(summary) && last ? complaint(last) : null));
  if (trouble) {
    return (
      <>
        <span className="jp-orch-bad jp-orch-clip" title={trouble}>
          {trouble}
        </span>
        {!job.error && <span className="jp-orch-row-next">{next}</span>}
      </>
    );
  }
  if (running) {
    const left = outlook(running, summary.usual, now);
    return (
      <span className="jp-orch-clip">
        {progressOf(running)}
        {' · '}
        {left ?? next}
      </span>
    );
  }
  return (
    <span className="jp-orch-clip">
      {last && (
        <>
          <Instant at={last.ended_at ?? last.created_at} as="ago" />
          {' · '}
        </>
      )}
      {next}
    </span>
  );
}

function progressOf(run: IRun): string {
  if (run.state === 'queued') {
    return trans.__('queued');
  }
  return run.cells_total ? cellOf(run) : trans.__('running');
}

export function NextDue(props: { summary: IJobSummary; next: string | null }) {
  const { job } = props.summary;
  if (job.paused) {
    return <>{trans.__('paused')}</>;
  }
  if (!props.next) {
    return (
      <>
        {job.spec.triggers.length
          ? trans.__('no further run')
          : trans.__('runs by hand')}
      </>
    );
  }
  return (
    <>
      {trans.__('next')} <Instant at={props.next} as="until" />
    </>
  );
}

export function JobButtons(props: { summary: IJobSummary; tabIndex?: number }) {
  const { summary, tabIndex } = props;
  const actions = useJobActions();
  const busy = useBusy(summary.job.id);
  const { name } = summary.job.spec;
  const { paused } = summary.job;
  return (
    <>
      <IconButton
        icon={runIcon}
        label={trans.__('Run %1 now', name)}
        tabIndex={tabIndex}
        once
        disabled={busy === 'run'}
        onClick={() => void actions.runNow(summary)}
      />
      <IconButton
        icon={paused ? resumeIcon : pauseIcon}
        label={
          paused ? trans.__('Resume %1', name) : trans.__('Pause %1', name)
        }
        tabIndex={tabIndex}
        onClick={() => void actions.setPaused(summary, !paused)}
      />
      <IconButton
        icon={editIcon}
        label={trans.__('Edit %1', name)}
        tabIndex={tabIndex}
        onClick={() => actions.edit(summary)}
      />
      <IconButton
        icon={deleteIcon}
        label={trans.__('Delete %1', name)}
        tabIndex={tabIndex}
        once
        onClick={() => void actions.remove(summary)}
      />
    </>
  );
}
