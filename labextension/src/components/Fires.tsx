import * as React from 'react';

import { trans } from '../i18n';
import { dayAndClock, exact } from '../logic/time';
import type { IFires } from '../tokens';
import { useNow } from './basics';

/** When a trigger is due next, with the days on which clocks change marked. */
export function Fires(props: { fires: IFires; zone: string; title?: string }) {
  const now = useNow();
  const { fires } = props.fires;
  return (
    <div className="jp-orch-fires" aria-live="polite">
      {props.title && <div className="jp-orch-muted">{props.title}</div>}
      {fires.length === 0 && (
        <div>{trans.__('It is never due again: its times have passed.')}</div>
      )}
      <ol>
        {fires.map(fire => (
          <li key={fire.at} title={exact(fire.at, props.zone)}>
            <time dateTime={fire.at}>
              {dayAndClock(fire.at, props.zone, now)}
            </time>
            {fire.note && <em> {fire.note}</em>}
          </li>
        ))}
      </ol>
    </div>
  );
}
