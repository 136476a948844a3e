import * as React from 'react';

import { trans } from '../i18n';
import type { IFailureHistory, IRun } from '../tokens';
import { Button, Instant } from './basics';
import { useOrch } from './context';

/** How often the job failed in the same way, and when it last went well. */
export function SameFailure(props: { run: IRun; history: IFailureHistory }) {
  const { run, history } = props;
  const orch = useOrch();
  const success = history.last_success;
  const showAll = () => {
    orch.open('runs', '');
    // After the page is open: its door asks for all runs.
    orch.runs.set({
      state: '',
      search: '',
      alike: {
        fingerprint: history.fingerprint,
        job: run.job_id ?? '',
        name: run.job_name
      }
    });
  };
  return (
    <>
      <dt>{trans.__('The same failure')}</dt>
      <dd>
        {history.count > 1 ? (
          <>
            {trans.__(
              '%1 of the last %2 runs',
              history.recent_same,
              history.recent
            )}
            {', '}
            {trans.__('%1 since', history.count)}{' '}
            <Instant at={history.first_at} as="day" />{' '}
            <Button kind="link" onClick={showAll}>
              {trans.__('Show all')}
            </Button>
          </>
        ) : (
          trans.__('never before, as far as runs are kept')
        )}
      </dd>
      <dt>{trans.__('Last success')}</dt>
      <dd>
        {success ? (
          <>
            <Instant at={success.ended_at} as="day" />{' '}
            <Button
              kind="link"
              onClick={() => orch.open('run', success.run_id)}
            >
              {trans.__('Show that run')}
            </Button>
          </>
        ) : (
          trans.__('never before, as far as runs are kept')
        )}
      </dd>
    </>
  );
}
