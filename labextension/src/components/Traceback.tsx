import * as React from 'react';

import { trans } from '../i18n';
import { folded } from '../logic/frames';
import type { IFrame } from '../tokens';

/** A traceback, closed until it is wanted; frames of libraries are folded inside it. */
export function Traceback(props: {
  /** In its parts; empty when nobody could read it. */
  frames: IFrame[];
  text: string;
}) {
  const { frames, text } = props;
  const libraries = frames.filter(frame => frame.kind === 'library').length;
  const yours = frames.filter(
    frame => frame.kind === 'cell' || frame.kind === 'module'
  ).length;
  if (!yours && !libraries) {
    return (
      <details>
        <summary>{trans.__('Traceback')}</summary>
        <pre>{text}</pre>
      </details>
    );
  }
  const counts = [
    trans._n('%1 frame of yours', '%1 frames of yours', yours),
    ...(libraries ? [trans.__('%1 of libraries folded', libraries)] : [])
  ];
  return (
    <details>
      <summary>
        {trans.__('Traceback')}{' '}
        <span className="jp-orch-muted">({counts.join(', ')})</span>
      </summary>
      {folded(frames).map((part, index) =>
        part.library ? (
          <details key={index} className="jp-orch-frames">
            <summary className="jp-orch-muted">
              {trans._n(
                '%1 frame of libraries',
                '%1 frames of libraries',
                part.frames.length
              )}
            </summary>
            <pre>{part.frames.map(frame => frame.text).join('\n\n')}</pre>
          </details>
        ) : (
          <pre key={index}>
            {part.frames.map(frame => frame.text).join('\n\n')}
          </pre>
        )
      )}
    </details>
  );
}
