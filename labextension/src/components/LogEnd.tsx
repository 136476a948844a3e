import * as React from 'react';

import { trans } from '../i18n';
import { useRunLog } from '../queries';
import type { IRun } from '../tokens';
import { Button } from './basics';
import { Fetched } from './Fetched';
import { LogLine } from './LogView';

/** So many lines are its end. */
const LINES = 15;

/** The last lines of the log of a run that has ended. */
export function LogEnd(props: { run: IRun; onWhole: () => void }) {
  const { run } = props;
  const log = useRunLog(run.id, run.attempt, run.state);
  return (
    <Fetched query={log} lines={3}>
      {({ lines }) =>
        lines.length ? (
          <>
            <div
              className="jp-orch-log"
              role="log"
              aria-label={trans.__('The end of the log')}
              tabIndex={0}
            >
              {lines.slice(-LINES).map((line, index) => (
                // The traceback stands above.
                <LogLine key={index} line={{ ...line, traceback: undefined }} />
              ))}
            </div>
            <Button kind="link" onClick={props.onWhole}>
              {trans.__('Show the whole log')}
            </Button>
          </>
        ) : (
          <p className="jp-orch-muted">{trans.__('Nothing was logged.')}</p>
        )
      }
    </Fetched>
  );
}
