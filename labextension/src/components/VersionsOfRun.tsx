import * as React from 'react';

import { trans } from '../i18n';
import type { ITableVersion } from '../tokens';
import { Button } from './basics';
import { CheckList, CheckMark } from './Checks';
import { useOrch } from './context';

/** The tables that a run published; each leads to its page. */
export function VersionsOfRun(props: { versions: ITableVersion[] }) {
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
    </section>
  );
}
