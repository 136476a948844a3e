import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { sentence } from '../api';
import { trans } from '../i18n';
import { brief } from '../logic/parameters';
import {
  complaint,
  hasEnded,
  isLate,
  kindWord,
  reasonWord,
  shown
} from '../logic/states';
import { useRun } from '../queries';
import type { IRunDetail } from '../tokens';
import { Button, Elapsed, Instant, State, Tabs, useNow } from './basics';
import { Fetched, Gone } from './Fetched';
import { useOrch } from './context';
import { ErrorCell } from './ErrorCell';
import { LiveCell } from './LiveCell';
import { LogView } from './LogView';
import { NotebookPane } from './NotebookPane';
import { RerunForm } from './RerunForm';
import { RunProgress } from './RunProgress';
import { VersionsOfRun } from './VersionsOfRun';

/** A run: how it went, what it executed, with what, and what it published. */
export function RunPage(props: { id: string }) {
  const run = useRun(props.id);
  return (
    <Fetched
      query={run}
      lines={10}
      label={trans.__('Asking for the run…')}
      gone={
        <Gone
          title={trans.__('This run is not kept any more.')}
          note={trans.__('The tables that it wrote stay.')}
        />
      }
    >
      {detail => <Loaded detail={detail} />}
    </Fetched>
  );
}

function Loaded(props: { detail: IRunDetail }) {
  const { detail } = props;
  const { run } = detail;
  const [rerunning, setRerunning] = React.useState(false);
  const [attempt, setAttempt] = React.useState<number | null>(null);
  const shownAttempt = attempt ?? run.attempt;
  const [tab, setTab] = React.useState('notebook');
  // Counts the wishes to see the failed cell: each scrolls to it.
  const [wanted, setWanted] = React.useState(0);
  const showCell = () => {
    setAttempt(null);
    setTab('notebook');
    setWanted(n => n + 1);
  };
  return (
    <main className="jp-orch-page">
      <Header
        detail={detail}
        attempt={shownAttempt}
        onAttempt={setAttempt}
        onRerun={() => setRerunning(true)}
      />
      {rerunning && (
        <RerunForm detail={detail} onClose={() => setRerunning(false)} />
      )}
      {run.state === 'failed' && (
        <ErrorCell detail={detail} onShow={showCell} onTab={setTab} />
      )}
      {run.state === 'running' && <LiveCell run={run} />}
      <VersionsOfRun run={run.id} versions={detail.versions} />
      <Tabs
        label={trans.__('Run')}
        chosen={tab}
        onChoose={setTab}
        tabs={[
          {
            id: 'notebook',
            title: trans.__('Notebook'),
            body: () => (
              <NotebookPane run={run} attempt={shownAttempt} wanted={wanted} />
            )
          },
          {
            id: 'parameters',
            title: trans.__('Parameters'),
            body: () => <Parameters detail={detail} />
          },
          {
            id: 'log',
            title: trans.__('Log'),
            body: () => <LogView run={run} attempt={shownAttempt} />
          },
          {
            id: 'queries',
            title: trans.__('Queries (%1)', detail.queries.length),
            body: () => <Queries ids={detail.queries} />
          },
          {
            id: 'facts',
            title: trans.__('Details'),
            body: () => <Facts detail={detail} />
          }
        ]}
      />
    </main>
  );
}

function Header(props: {
  detail: IRunDetail;
  attempt: number;
  onAttempt: (attempt: number) => void;
  onRerun: () => void;
}) {
  const { run, job, attempts } = props.detail;
  const orch = useOrch();
  const client = useQueryClient();
  const now = useNow();
  const ended = hasEnded(run.state);
  const cancel = async () => {
    try {
      await orch.api.cancel(run.id);
    } catch (error) {
      orch.say(sentence(error), 'error');
    }
    await client.invalidateQueries({ queryKey: ['run', run.id] });
  };
  return (
    <header className="jp-orch-header">
      <div className="jp-orch-title">
        <State of={shown(run.state)} />
        <h1>
          {job ? (
            <Button kind="link" onClick={() => orch.open('job', job.id)}>
              {run.job_name}
            </Button>
          ) : (
            run.job_name
          )}
        </h1>
        {run.job_id && !job && (
          <span className="jp-orch-badge">{trans.__('job deleted')}</span>
        )}
        <Instant at={run.logical_time} as="day" />
        {isLate(run, now) && <State of="late" />}
      </div>
      <div className="jp-orch-muted">
        {kindWord(run.kind)}
        {run.started_at && (
          <>
            {' · '}
            <Elapsed from={run.started_at} to={run.ended_at} />
          </>
        )}
        {run.reason && ` · ${reasonWord(run.reason)}`}
        {' · '}
        <Button kind="link" onClick={() => orch.openFile(run.notebook)}>
          {run.notebook.split('/').pop()}
        </Button>
        {attempts.length > 1 && (
          <>
            {' · '}
            <label>
              {trans.__('attempt')}{' '}
              <select
                value={props.attempt}
                onChange={event => props.onAttempt(Number(event.target.value))}
              >
                {attempts.map(({ number, state }) => (
                  <option key={number} value={number}>
                    {trans.__('%1 of %2', number, attempts.length)}
                    {state ? ` (${state})` : ''}
                  </option>
                ))}
              </select>
            </label>
          </>
        )}
      </div>
      {!ended && <RunProgress detail={props.detail} />}
      <div className="jp-orch-buttons">
        {ended ? (
          <Button kind="accept" onClick={props.onRerun}>
            {trans.__('Rerun…')}
          </Button>
        ) : (
          <Button
            kind="warn"
            disabled={run.cancel_requested || run.state === 'publishing'}
            onClick={() => void cancel()}
          >
            {run.cancel_requested
              ? trans.__('Stopping…')
              : trans.__('Cancel the run')}
          </Button>
        )}
        {run.rerun_of && (
          <Button onClick={() => orch.open('run', run.rerun_of ?? '')}>
            {trans.__('The run that it repeats')}
          </Button>
        )}
      </div>
    </header>
  );
}

function Parameters(props: { detail: IRunDetail }) {
  const { run, schema } = props.detail;
  const properties = schema.properties ?? {};
  const names = [
    ...new Set([...Object.keys(properties), ...Object.keys(run.parameters)])
  ];
  if (!names.length) {
    return (
      <p className="jp-orch-empty">{trans.__('This run has no parameters.')}</p>
    );
  }
  return (
    <div className="jp-orch-table-box">
      <table className="jp-orch-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col">{trans.__('Value')}</th>
            <th scope="col">{trans.__('Meaning')}</th>
          </tr>
        </thead>
        <tbody>
          {names.map(name => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td>
                <code>
                  {brief(
                    name in run.parameters
                      ? run.parameters[name]
                      : properties[name]?.default
                  )}
                </code>
                {!(name in run.parameters) && (
                  <span className="jp-orch-muted"> {trans.__('default')}</span>
                )}
              </td>
              <td>{properties[name]?.description}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Queries(props: { ids: string[] }) {
  const orch = useOrch();
  if (!props.ids.length) {
    return (
      <p className="jp-orch-empty">
        {trans.__('This run asked the warehouse nothing.')}
      </p>
    );
  }
  return (
    <ul className="jp-orch-plain">
      {props.ids.map(id => (
        <li key={id}>
          <code>{id}</code>{' '}
          <Button kind="link" onClick={() => orch.copy(id)}>
            {trans.__('Copy')}
          </Button>
        </li>
      ))}
    </ul>
  );
}

function Facts(props: { detail: IRunDetail }) {
  const { run, attempts } = props.detail;
  return (
    <dl className="jp-orch-facts">
      <dt>{trans.__('Run')}</dt>
      <dd>
        <code>{run.id}</code>
      </dd>
      <dt>{trans.__('Notebook')}</dt>
      <dd>
        {run.notebook} <code>{run.notebook_sha256.slice(0, 12)}</code>
      </dd>
      <dt>{trans.__('Kernel')}</dt>
      <dd>{run.kernel ?? trans.__('as the notebook says')}</dd>
      <dt>{trans.__('Asked by')}</dt>
      <dd>
        {run.created_by}, <Instant at={run.created_at} as="ago" />
      </dd>
      <dt>{trans.__('Attempts')}</dt>
      <dd>
        {attempts.map(attempt => (
          <div key={attempt.number}>
            {attempt.number}: {attempt.state ?? trans.__('running')}
            {', '}
            <Elapsed from={attempt.started_at} to={attempt.ended_at} />
            {attempt.error &&
              `, ${complaint({ ...run, error: attempt.error })}`}
            <span className="jp-orch-muted"> {attempt.worker}</span>
          </div>
        ))}
      </dd>
    </dl>
  );
}
