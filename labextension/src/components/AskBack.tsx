import * as React from 'react';

import { trans } from '../i18n';
import { browserZone, exact } from '../logic/time';
import type { ITableVersion } from '../tokens';

/** Versions that are named, at most, in a question. */
const NAMED = 12;

/** The body of a question before readers see something else: what goes, and why. */
export function AskBack(props: {
  says: string[];
  /** What is taken from readers. */
  title?: string;
  versions: ITableVersion[];
  count: number;
  onReason: (reason: string) => void;
}) {
  const named = props.versions.slice(0, NAMED);
  const more = props.count - named.length;
  return (
    <div className="jp-orch-ask">
      {props.says.map(line => (
        <p key={line}>{line}</p>
      ))}
      {props.title && <p>{props.title}</p>}
      {named.length > 0 && (
        <ul>
          {named.map(version => (
            <li key={`${version.snapshot_id} ${version.committed_at}`}>
              {exact(version.committed_at, browserZone())} · {version.operation}
              {' · '}
              {version.job_name ?? version.user ?? trans.__('somebody else')}
              {version.run_id && ` · ${version.run_id}`}
            </li>
          ))}
        </ul>
      )}
      {more > 0 && <p>{trans.__('and %1 earlier ones', more)}</p>}
      <label>
        {trans.__('Reason (optional)')}
        <input
          className="jp-mod-styled"
          maxLength={500}
          onChange={event => props.onReason(event.target.value)}
        />
      </label>
    </div>
  );
}
