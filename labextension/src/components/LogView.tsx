import * as React from 'react';

import { trans } from '../i18n';
import { brief } from '../logic/parameters';
import { browserZone, exact } from '../logic/time';
import { useRunLog } from '../queries';
import type { ILogLine, IRun } from '../tokens';
import { Fetched } from './Fetched';

/** The log of an attempt, one event a line. */
export function LogView(props: { run: IRun; attempt: number }) {
  const { run, attempt } = props;
  const log = useRunLog(run.id, attempt, run.state);
  if (!attempt) {
    return (
      <p className="jp-orch-empty">
        {trans.__('The run has not started yet.')}
      </p>
    );
  }
  return (
    <Fetched query={log} lines={6}>
      {data => (
        <>
          {data.truncated && (
            <p className="jp-orch-muted">
              {trans.__('The log is long: this is its end.')}
            </p>
          )}
          <div
            className="jp-orch-log"
            role="log"
            aria-label={trans.__('Log')}
            tabIndex={0}
          >
            {data.lines.map((line, index) => (
              <LogLine key={index} line={line} />
            ))}
            {!data.lines.length && trans.__('Nothing was logged.')}
          </div>
        </>
      )}
    </Fetched>
  );
}

/** An event of a log: when, what, and its other fields. */
export function LogLine(props: { line: ILogLine }) {
  const { time, level, event, text, message, ...fields } = props.line;
  const said = brief(text ?? message);
  const more = Object.entries(fields)
    .filter(
      ([, value]) => value !== null && value !== undefined && value !== ''
    )
    .map(([name, value]) => `${name}=${brief(value)}`);
  return (
    <div data-level={level}>
      <span className="jp-orch-muted" title={exact(time, browserZone())}>
        {new Date(time).toLocaleTimeString('en-GB')}
      </span>{' '}
      {event && <strong>{event}</strong>} {said}{' '}
      <span className="jp-orch-muted">{more.join(' ')}</span>
    </div>
  );
}
