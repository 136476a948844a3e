import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { sentence } from '../api';
import { trans } from '../i18n';
import { browserZone, exact } from '../logic/time';
import { keys } from '../queries';
import type { ITableVersion } from '../tokens';
import { AskBack } from './AskBack';
import { Button } from './basics';
import { CheckList } from './Checks';
import { useOrch } from './context';
import { RowsPreview } from './RowsPreview';

/** One version: its rows, the query that reads it, and what can be done with it. */
export function ChosenVersion(props: {
  version: ITableVersion;
  /** The version that came before it, when it is shown. */
  previous?: ITableVersion;
  /** Whether the next pick is the one to compare with. */
  comparing: boolean;
  onCompare: (version: string | null) => void;
}) {
  const { version, previous } = props;
  const orch = useOrch();
  const client = useQueryClient();
  const [busy, setBusy] = React.useState(false);
  const at = exact(version.committed_at, browserZone());
  const sql = `SELECT * FROM ${version.table} FOR VERSION AS OF ${version.snapshot_id}`;
  const act = async (action: () => Promise<string | null>) => {
    setBusy(true);
    try {
      const done = await action();
      if (done) {
        orch.say(done, 'success');
      }
    } catch (error) {
      orch.say(sentence(error), 'error');
    }
    setBusy(false);
    await client.invalidateQueries({ queryKey: keys.versions(version.table) });
    await client.invalidateQueries({ queryKey: ['tables'] });
  };
  const rollBack = () =>
    act(async () => {
      const plan = await orch.api.planRollback(
        version.table,
        version.snapshot_id
      );
      let reason = '';
      const { undoes, count } = plan.value;
      const sure = await orch.confirm(
        trans.__('Roll %1 back?', version.table),
        <AskBack
          says={[trans.__('Readers will see the version of %1 again.', at)]}
          title={trans._n(
            'This undoes one version; it stays in the history:',
            'This undoes %1 versions; they stay in the history:',
            count
          )}
          versions={undoes}
          count={count}
          onReason={text => (reason = text)}
        />,
        trans.__('Roll back')
      );
      if (!sure) {
        return null;
      }
      await orch.api.rollback(
        version.table,
        version.snapshot_id,
        plan.etag,
        reason
      );
      return trans.__('%1 is rolled back.', version.table);
    });
  const pin = () =>
    act(async () => {
      await orch.api.pinVersion(
        version.table,
        version.snapshot_id,
        !version.pinned
      );
      return version.pinned
        ? trans.__('This version goes when it is old.')
        : trans.__('This version is kept however old it gets.');
    });
  return (
    <section aria-label={trans.__('Chosen version')}>
      <div className="jp-orch-chosen">
        <h2>{trans.__('Version of %1', at)}</h2>
        {!version.expired && (
          <div className="jp-orch-buttons">
            {previous && !previous.expired && (
              <Button onClick={() => props.onCompare(previous.snapshot_id)}>
                {trans.__('Compare with the one before')}
              </Button>
            )}
            <Button onClick={() => props.onCompare(null)}>
              {props.comparing
                ? trans.__('Pick the other version…')
                : trans.__('Compare with…')}
            </Button>
            <Button disabled={busy} onClick={() => void pin()}>
              {version.pinned ? trans.__('Unpin') : trans.__('Pin')}
            </Button>
            <Button
              kind="warn"
              disabled={version.current || busy}
              title={
                version.current
                  ? trans.__('Readers see this version now.')
                  : undefined
              }
              onClick={() => void rollBack()}
            >
              {trans.__('Roll back to this…')}
            </Button>
          </div>
        )}
      </div>
      {version.expired ? (
        <p className="jp-orch-empty">
          {trans.__(
            'This version has expired: its rows are gone, only this line is left. Pinned versions never expire.'
          )}
        </p>
      ) : (
        <>
          <div className="jp-orch-sql">
            <code>{sql}</code>
            <Button kind="link" onClick={() => orch.copy(sql)}>
              {trans.__('Copy SQL')}
            </Button>
          </div>
          <CheckList checks={version.checks} />
          <RowsPreview version={version} />
        </>
      )}
    </section>
  );
}
