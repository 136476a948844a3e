import * as React from 'react';

import { trans } from '../i18n';
import { jobsIcon } from '../icons';
import { useLab, useStatus } from '../queries';
import type { RunFilter } from '../tokens';
import { Button } from './basics';
import { useOrch } from './context';
import { StartButton } from './Fetched';

/** No service runs: one click starts it. */
export function ServiceDown() {
  const lab = useLab();
  const { message, hint } = lab.data?.service ?? {};
  return (
    <div className="jp-orch-empty">
      <jobsIcon.react tag="span" width="48px" height="48px" />
      <p>
        <strong>{trans.__('The jobs service is not running.')}</strong>
      </p>
      <p>
        {trans.__(
          'It runs scheduled notebooks on this machine and goes on when JupyterLab closes.'
        )}
      </p>
      <StartButton accept />
      {(message || hint) && (
        <details>
          <summary>{trans.__('Details')}</summary>
          <p>{message}</p>
          <p>{hint}</p>
        </details>
      )}
    </div>
  );
}

/** One line under the list: is somebody there to run things, and how much is there to run? */
export function ServiceFooter(props: { down: boolean }) {
  const orch = useOrch();
  const status = useStatus();
  const data = status.isError ? undefined : status.data;
  const down = props.down || status.isError;
  const { queued = 0, running = 0, publishing = 0 } = data?.counts ?? {};
  const door = (state: RunFilter, words: string) => (
    <>
      {' · '}
      <Button kind="link" onClick={() => orch.open('runs', state)}>
        {words}
      </Button>
    </>
  );
  return (
    <footer
      className="jp-orch-footer"
      data-down={down}
      title={
        data &&
        `${data.warehouse.engine ?? ''} ${data.warehouse.location ?? ''}`
      }
    >
      {down && trans.__('service: not running')}
      {!down && !data && trans.__('service: …')}
      {!down && data && (
        <>
          {trans.__('service: running')}
          {' · '}
          {trans._n('%1 worker', '%1 workers', data.workers.length)}
          {running + publishing > 0 &&
            door('running', trans.__('%1 running', running + publishing))}
          {door('queued', trans.__('%1 queued', queued))}
        </>
      )}
    </footer>
  );
}
