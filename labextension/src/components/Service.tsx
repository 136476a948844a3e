import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { trans } from '../i18n';
import { jobsIcon } from '../icons';
import { useLab, useStatus } from '../queries';
import { Button, Problem } from './basics';
import { useOrch } from './context';

/** No service runs: one click starts it. */
export function ServiceDown() {
  const orch = useOrch();
  const client = useQueryClient();
  const lab = useLab();
  const [starting, setStarting] = React.useState(false);
  const [error, setError] = React.useState<unknown>(null);
  const start = async () => {
    setStarting(true);
    setError(null);
    try {
      await orch.api.startService();
      await client.invalidateQueries();
    } catch (reason) {
      setError(reason);
    } finally {
      setStarting(false);
    }
  };
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
      <Button kind="accept" disabled={starting} onClick={() => void start()}>
        {starting ? trans.__('Starting…') : trans.__('Start the service')}
      </Button>
      {Boolean(error) && <Problem error={error} />}
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

/** One line under the list: is somebody there to run things? */
export function ServiceFooter(props: { down: boolean }) {
  const status = useStatus();
  const data = status.isError ? undefined : status.data;
  const line = () => {
    if (props.down || status.isError) {
      return trans.__('service: not running');
    }
    if (!data) {
      return trans.__('service: …');
    }
    const workers = data.workers.length;
    return [
      trans.__('service: running'),
      trans._n('%1 worker', '%1 workers', workers),
      trans.__('%1 queued', data.counts.queued ?? 0)
    ].join(' · ');
  };
  return (
    <footer
      className="jp-orch-footer"
      data-down={props.down || status.isError}
      title={
        data &&
        `${data.warehouse.engine ?? ''} ${data.warehouse.location ?? ''}`
      }
    >
      {line()}
    </footer>
  );
}
