import * as React from 'react';

import { trans } from '../i18n';
import { reasonWord } from '../logic/states';
import type { IRun } from '../tokens';
import { Button } from './basics';

/** What one sees first of a failed run: the cell, the error, the traceback folded. */
export function ErrorCell(props: { run: IRun; onShow: () => void }) {
  const { error, reason } = props.run;
  const hasCell = error?.cell_index !== null && error?.cell_index !== undefined;
  return (
    <section className="jp-orch-error" aria-label={trans.__('What went wrong')}>
      <div className="jp-orch-muted">
        {hasCell ? (
          <>
            {trans.__('cell %1 failed', (error.cell_index ?? 0) + 1)}{' '}
            <Button kind="link" onClick={props.onShow}>
              {trans.__('Show the cell')}
            </Button>
          </>
        ) : (
          reason && reasonWord(reason)
        )}
      </div>
      {error && (
        <pre className="jp-orch-error-line">
          <strong>{error.name}</strong>
          {error.message && `: ${error.message}`}
        </pre>
      )}
      {error?.traceback && (
        <details>
          <summary>{trans.__('Traceback')}</summary>
          <pre>{error.traceback}</pre>
        </details>
      )}
    </section>
  );
}
