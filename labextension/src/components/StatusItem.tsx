import * as React from 'react';

import { trans } from '../i18n';
import { GLYPHS } from '../logic/states';
import { useStatus } from '../queries';

/** `● 1 running  ✕ 2`: a glance that opens the panel. */
export function StatusItem(props: { onOpen: () => void }) {
  const status = useStatus();
  const counts = status.isError ? undefined : status.data?.counts;
  const failing = counts?.failing ?? 0;
  const running = (counts?.running ?? 0) + (counts?.publishing ?? 0);
  const words = [
    running ? trans.__('%1 running', running) : '',
    failing ? trans.__('%1 failing', failing) : ''
  ].filter(Boolean);
  return (
    <button
      type="button"
      className="jp-orch-status"
      title={trans.__('Jobs: %1', words.join(', ') || trans.__('all quiet'))}
      onClick={props.onOpen}
    >
      {trans.__('Jobs')}
      {running > 0 && (
        <span data-state="running">
          <span className="jp-orch-glyph">{GLYPHS.running}</span> {running}{' '}
          {trans.__('running')}
        </span>
      )}
      {failing > 0 && (
        <span data-state="failed">
          <span className="jp-orch-glyph">{GLYPHS.failed}</span> {failing}
        </span>
      )}
    </button>
  );
}
