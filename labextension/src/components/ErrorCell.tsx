import * as React from 'react';

import { trans } from '../i18n';
import { brief } from '../logic/parameters';
import { reasonWord } from '../logic/states';
import type { IRunDetail } from '../tokens';
import { Button } from './basics';
import { CellSource } from './CellSource';
import { useOrch } from './context';
import { Fold } from './Fold';
import { LogEnd } from './LogEnd';
import { SameFailure } from './SameFailure';
import { Traceback } from './Traceback';

/** So many parameters and queries are shown at once; the tabs have all of them. */
const FEW = 4;

/** What one sees first of a failed run: the cell, the error, and all that helps with it. */
export function ErrorCell(props: {
  detail: IRunDetail;
  onShow: () => void;
  onTab: (tab: string) => void;
}) {
  const { detail } = props;
  const { run, failure } = detail;
  const { error, reason } = run;
  const section = React.useRef<HTMLElement>(null);
  const showTab = (tab: string) => {
    props.onTab(tab);
    // Once it is in front: whoever has no mouse goes on from there.
    requestAnimationFrame(() => {
      const page = section.current?.closest('main');
      page
        ?.querySelector<HTMLElement>('[role=tab][aria-selected=true]')
        ?.focus();
    });
  };
  const cell = error?.cell_index ?? null;
  return (
    <section
      ref={section}
      className="jp-orch-error"
      aria-label={trans.__('What went wrong')}
    >
      <div className="jp-orch-muted">
        {cell === null ? (
          reason && reasonWord(reason)
        ) : (
          <>
            {trans.__('cell %1 failed', cell + 1)}{' '}
            <Button kind="link" onClick={props.onShow}>
              {trans.__('Show the cell')}
            </Button>
          </>
        )}
      </div>
      {error?.cell_source && (
        <CellSource
          source={error.cell_source}
          line={failure?.error_line ?? null}
        />
      )}
      {error && (
        <pre className="jp-orch-error-line">
          <strong>{error.name}</strong>
          {error.message && `: ${error.message}`}
        </pre>
      )}
      {error?.traceback && (
        <Traceback frames={failure?.frames ?? []} text={error.traceback} />
      )}
      <dl className="jp-orch-facts">
        <Values detail={detail} onAll={() => showTab('parameters')} />
        <LastQueries ids={detail.queries} onAll={() => showTab('queries')} />
        {failure?.history && (
          <SameFailure run={run} history={failure.history} />
        )}
      </dl>
      {run.attempt > 0 && (
        <Fold title={trans.__('The end of the log')}>
          <LogEnd run={run} onWhole={() => showTab('log')} />
        </Fold>
      )}
    </section>
  );
}

function Values(props: { detail: IRunDetail; onAll: () => void }) {
  const { run, schema } = props.detail;
  const defaults = Object.entries(schema.properties ?? {}).map(
    ([name, property]) => [name, property.default] as const
  );
  const values = Object.entries({
    ...Object.fromEntries(defaults),
    ...run.parameters
  });
  if (!values.length) {
    return null;
  }
  return (
    <>
      <dt>{trans.__('Parameters')}</dt>
      <dd className="jp-orch-some">
        {values.slice(0, FEW).map(([name, value]) => (
          <code key={name}>
            {name} = {brief(value)}
          </code>
        ))}
        {values.length > FEW && (
          <Button kind="link" onClick={props.onAll}>
            {trans.__('Show all %1', values.length)}
          </Button>
        )}
      </dd>
    </>
  );
}

function LastQueries(props: { ids: string[]; onAll: () => void }) {
  const orch = useOrch();
  const { ids } = props;
  if (!ids.length) {
    return null;
  }
  return (
    <>
      <dt>{trans.__('Last queries')}</dt>
      <dd className="jp-orch-some">
        {ids.slice(-FEW).map(id => (
          <span key={id}>
            <code>{id}</code>{' '}
            <Button
              kind="link"
              title={trans.__('Copy the id %1', id)}
              onClick={() => orch.copy(id)}
            >
              {trans.__('Copy')}
            </Button>
          </span>
        ))}
        {ids.length > FEW && (
          <Button kind="link" onClick={props.onAll}>
            {trans.__('Show all %1', ids.length)}
          </Button>
        )}
      </dd>
    </>
  );
}
