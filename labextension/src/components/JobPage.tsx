import * as React from 'react';

import { trans } from '../i18n';
import { runsIcon } from '../icons';
import { brief } from '../logic/parameters';
import { shownOfJob } from '../logic/states';
import { describe } from '../logic/triggerWords';
import { useJob } from '../queries';
import type { IJobSummary } from '../tokens';
import { useBusy, useJobActions } from './actions';
import { BackfillForm } from './BackfillForm';
import { Backfills } from './Backfills';
import { Button, Instant, State, Tabs } from './basics';
import { Fetched, Gone } from './Fetched';
import { useOrch } from './context';
import { NextDue } from './JobRow';
import { policyLine } from '../logic/policies';
import { noticeLine } from './NotificationFields';
import { RunsTable } from './RunsTable';
import { RunWith } from './RunWith';
import { TriggerSummaries } from './TriggerSummary';

/** So many triggers are named in the header. */
const FEW = 2;

/** A job: how it stands, its runs, its settings. */
export function JobPage(props: { id: string; onGone: () => void }) {
  const job = useJob(props.id);
  return (
    <Fetched
      query={job}
      lines={8}
      label={trans.__('Asking for the job…')}
      gone={
        <Gone
          title={trans.__('This job was deleted.')}
          note={trans.__('Its past runs and the tables it wrote are kept.')}
        />
      }
    >
      {({ value: summary }) => (
        <Loaded summary={summary} onGone={props.onGone} />
      )}
    </Fetched>
  );
}

function Loaded(props: { summary: IJobSummary; onGone: () => void }) {
  const { summary } = props;
  const { job } = summary;
  const [tab, setTab] = React.useState('runs');
  const [filling, setFilling] = React.useState(false);
  const page = React.useRef<HTMLElement>(null);
  const backfill = job.spec.triggers.length
    ? () => setFilling(true)
    : undefined;
  const close = () => {
    setFilling(false);
    page.current?.querySelector<HTMLElement>('[data-backfill]')?.focus();
  };
  return (
    <main ref={page} className="jp-orch-page">
      <Header summary={summary} onGone={props.onGone} onBackfill={backfill} />
      {filling && (
        <BackfillForm
          job={job}
          onClose={close}
          onBegun={() => {
            setTab('backfills');
            close();
          }}
        />
      )}
      <Tabs
        label={trans.__('Job')}
        chosen={tab}
        onChoose={setTab}
        tabs={[
          {
            id: 'runs',
            title: trans.__('Runs'),
            body: () => <Runs summary={summary} />
          },
          {
            id: 'backfills',
            title: trans.__('Backfills'),
            body: () => <Backfills job={job.id} onNew={backfill} />
          },
          {
            id: 'settings',
            title: trans.__('Settings'),
            body: () => <Settings summary={summary} />
          }
        ]}
      />
    </main>
  );
}

function Runs(props: { summary: IJobSummary }) {
  const { job } = props.summary;
  const { runNow } = useJobActions();
  const busy = useBusy(job.id);
  const filter = React.useMemo(() => ({ job: job.id }), [job.id]);
  return (
    <RunsTable
      filter={filter}
      empty={
        <div className="jp-orch-empty">
          <runsIcon.react tag="span" width="48px" height="48px" />
          <p>
            {trans.__(
              'Each run shows up here, with how it went and what it wrote.'
            )}
          </p>
          <Button
            once
            disabled={busy === 'run'}
            onClick={() => void runNow(props.summary)}
          >
            {trans.__('Start the first run')}
          </Button>
        </div>
      }
    />
  );
}

function Header(props: {
  summary: IJobSummary;
  onGone: () => void;
  /** Absent for a job that has no intervals. */
  onBackfill?: () => void;
}) {
  const { summary } = props;
  const { job } = summary;
  const orch = useOrch();
  const actions = useJobActions();
  const busy = useBusy(job.id);
  const state = shownOfJob(summary);
  const runNow = async () => {
    const run = await actions.runNow(summary);
    if (run) {
      orch.open('run', run.id);
    }
  };
  const remove = async () => {
    if (await actions.remove(summary)) {
      props.onGone();
    }
  };
  return (
    <header className="jp-orch-header">
      <div className="jp-orch-title">
        <h1>{job.spec.name}</h1>
        {state && <State of={state} />}
        {job.paused && state !== 'paused' && <State of="paused" />}
        <span className="jp-orch-badge">
          {job.spec.source === 'pinned'
            ? trans.__('pinned')
            : trans.__('tracking')}
        </span>
      </div>
      <div className="jp-orch-muted">
        <NextDue summary={summary} next={summary.next_due} />
        {job.spec.triggers.slice(0, FEW).map(trigger => (
          <span key={trigger.id}>
            {' · '}
            {describe(trigger)} ({trigger.time_zone})
          </span>
        ))}
        {job.spec.triggers.length > FEW &&
          ' · ' +
            trans._n(
              '%1 more time',
              '%1 more times',
              job.spec.triggers.length - FEW
            )}
        {' · '}
        <Button kind="link" onClick={() => orch.openFile(job.spec.notebook)}>
          {job.spec.notebook.split('/').pop()}
        </Button>
        {' · '}
        {trans.__('by %1', job.created_by)}
      </div>
      {job.error && (
        <div className="jp-orch-problem" role="alert">
          <strong>{trans.__('This job has stopped firing.')}</strong>
          <p>{job.error}</p>
          <Button onClick={() => actions.edit(summary)}>
            {trans.__('Edit and save it to start again')}
          </Button>
        </div>
      )}
      <div className="jp-orch-buttons">
        <Button
          kind="accept"
          once
          disabled={busy === 'run'}
          onClick={() => void runNow()}
        >
          {trans.__('Run now')}
        </Button>
        <RunWith job={job} />
        {props.onBackfill && (
          <button
            type="button"
            data-backfill
            className="jp-orch-button"
            onClick={props.onBackfill}
          >
            {trans.__('Backfill…')}
          </button>
        )}
        <Button onClick={() => void actions.setPaused(summary, !job.paused)}>
          {job.paused ? trans.__('Resume') : trans.__('Pause')}
        </Button>
        <Button onClick={() => actions.edit(summary)}>
          {trans.__('Edit')}
        </Button>
        <Button once onClick={() => void remove()}>
          {trans.__('Delete')}
        </Button>
      </div>
    </header>
  );
}

function Settings(props: { summary: IJobSummary }) {
  const { job } = props.summary;
  const { spec } = job;
  const values = Object.entries(spec.parameters);
  return (
    <dl className="jp-orch-facts">
      <dt>{trans.__('Notebook')}</dt>
      <dd>{spec.notebook}</dd>
      <dt>{trans.__('Source')}</dt>
      <dd>
        {spec.source === 'pinned'
          ? trans.__('pinned to %1', job.notebook_sha256?.slice(0, 12) ?? '')
          : trans.__('follows the file')}
      </dd>
      <dt>{trans.__('Kernel')}</dt>
      <dd>{spec.kernel ?? trans.__('as the notebook says')}</dd>
      <dt>{trans.__('When')}</dt>
      <dd>
        {spec.triggers.length ? (
          <TriggerSummaries triggers={spec.triggers} />
        ) : (
          trans.__('by hand')
        )}
      </dd>
      <dt>{trans.__('Parameters')}</dt>
      <dd>
        {values.length
          ? values.map(([name, value]) => (
              <div key={name}>
                <code>
                  {name} = {brief(value)}
                </code>
              </div>
            ))
          : trans.__("the notebook's defaults")}
      </dd>
      <dt>{trans.__('Policies')}</dt>
      <dd>{policyLine(spec.policies)}</dd>
      <dt>{trans.__('Notifications')}</dt>
      <dd>{noticeLine(spec.notifications)}</dd>
      <dt>{trans.__('Saved')}</dt>
      <dd>
        {trans.__('version %1', job.version)},{' '}
        <Instant at={job.updated_at} as="ago" />
      </dd>
    </dl>
  );
}
