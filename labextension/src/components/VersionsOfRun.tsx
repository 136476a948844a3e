import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { sentence } from '../api';
import { trans } from '../i18n';
import { keys } from '../queries';
import type { ITableVersion } from '../tokens';
import { AskBack } from './AskBack';
import { Button } from './basics';
import { CheckList, CheckMark } from './Checks';
import { useOrch } from './context';

/** The tables that a run published; each leads to its page, and all of it can be taken back. */
export function VersionsOfRun(props: {
  run: string;
  versions: ITableVersion[];
}) {
  const orch = useOrch();
  if (!props.versions.length) {
    return null;
  }
  return (
    <section className="jp-orch-published" aria-label={trans.__('Published')}>
      <span className="jp-orch-muted">{trans.__('Published')}</span>
      {props.versions.map(version => (
        <span key={`${version.table} ${version.snapshot_id}`}>
          <Button kind="link" onClick={() => orch.open('table', version.table)}>
            {version.table}
          </Button>{' '}
          <span className="jp-orch-muted">
            {[
              version.rows === null
                ? ''
                : trans._n('%1 row', '%1 rows', version.rows),
              version.operation,
              version.current ? trans.__('current') : ''
            ]
              .filter(Boolean)
              .join(' · ')}
          </span>{' '}
          {version.checks.length > 0 && (
            <details className="jp-orch-checked">
              <summary>
                <CheckMark checks={version.checks} />{' '}
                {trans._n('%1 check', '%1 checks', version.checks.length)}
              </summary>
              <CheckList checks={version.checks} />
            </details>
          )}
        </span>
      ))}
      <UndoRun run={props.run} />
    </section>
  );
}

function UndoRun(props: { run: string }) {
  const orch = useOrch();
  const client = useQueryClient();
  const [busy, setBusy] = React.useState(false);
  const undo = async () => {
    const plan = await orch.api.planUndo(props.run);
    const { parts } = plan.value;
    const open = parts.filter(part => part.done === null);
    const stuck = open.find(part => part.problem);
    if (!open.length) {
      orch.say(trans.__('This run is undone already.'), 'success');
      return;
    }
    if (stuck) {
      orch.say(
        trans.__('%1 cannot be undone. %2', stuck.table, stuck.problem ?? ''),
        'error'
      );
      return;
    }
    const later = open.flatMap(part => part.later);
    let reason = '';
    const sure = await orch.confirm(
      trans.__('Undo what this run published?'),
      <AskBack
        says={open.map(part => `${part.table}: ${part.does}`)}
        title={
          later.length
            ? trans.__(
                'Written to since, in the same place; this goes as well:'
              )
            : undefined
        }
        versions={later}
        count={later.length}
        onReason={text => (reason = text)}
      />,
      later.length ? trans.__('Undo all of it') : trans.__('Undo')
    );
    if (sure) {
      const body = { force: later.length > 0, reason: reason || null };
      await orch.api.undo(props.run, plan.etag, body);
      orch.say(trans.__('What the run published is undone.'), 'success');
      await client.invalidateQueries({ queryKey: ['tables'] });
      for (const part of open) {
        await client.invalidateQueries({ queryKey: keys.versions(part.table) });
      }
    }
  };
  const ask = async () => {
    setBusy(true);
    try {
      await undo();
    } catch (error) {
      orch.say(sentence(error), 'error');
    }
    setBusy(false);
  };
  return (
    <Button disabled={busy} once onClick={() => void ask()}>
      {trans.__('Undo this run…')}
    </Button>
  );
}
