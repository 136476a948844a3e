import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { ApiError } from '../api';
import { trans } from '../i18n';
import { useRunNotebook } from '../queries';
import type { IRun } from '../tokens';
import type { INotebookView } from '../viewer/port';
import { Fetched, Skeleton } from './Fetched';
import { useOrch } from './context';

/** The executed notebook, read-only, as JupyterLab draws it. */
export function NotebookPane(props: {
  run: IRun;
  attempt: number;
  /** Each new number is a wish to see the failed cell. */
  wanted: number;
}) {
  const { run, attempt } = props;
  const notebook = useRunNotebook(run.id, attempt, run.state);
  const absent =
    !attempt ||
    (notebook.error instanceof ApiError && notebook.error.status === 404);
  if (absent) {
    return (
      <p className="jp-orch-empty">
        {trans.__('There is no executed notebook yet.')}
      </p>
    );
  }
  const failed =
    attempt === run.attempt ? (run.error?.cell_index ?? null) : null;
  return (
    <Fetched query={notebook} lines={12}>
      {content => (
        <Drawn
          content={content}
          failed={failed}
          running={attempt === run.attempt && run.state === 'running'}
          wanted={props.wanted}
        />
      )}
    </Fetched>
  );
}

function Drawn(props: {
  content: unknown;
  failed: number | null;
  /** Whether its cells are marked as done, running and to do. */
  running: boolean;
  wanted: number;
}) {
  const { content, failed, wanted } = props;
  const orch = useOrch();
  const box = React.useRef<HTMLDivElement>(null);
  const [drawn, setDrawn] = React.useState(false);
  const [error, setError] = React.useState<unknown>(null);
  // A layout effect, since a Lumino widget must be detached before React drops its place.
  React.useLayoutEffect(() => {
    const place = box.current;
    let view: INotebookView | null = null;
    let gone = false;
    orch
      .showNotebook(content)
      .then(made => {
        if (gone || !place) {
          made.widget.dispose();
          return;
        }
        view = made;
        Widget.attach(made.widget, place);
        place.style.minHeight = '';
        if (failed !== null) {
          made.mark(failed);
        }
        setDrawn(true);
        setError(null);
      })
      .catch((reason: unknown) => {
        if (!gone) {
          setError(reason);
        }
      });
    return () => {
      gone = true;
      if (view?.widget.isAttached && place) {
        // The next drawing takes its place without moving what is read.
        place.style.minHeight = `${place.offsetHeight}px`;
        Widget.detach(view.widget);
      }
      view?.widget.dispose();
    };
  }, [content, orch, failed]);
  // A wish from before this notebook came into being is one of its first drawing.
  React.useEffect(() => {
    if (drawn && wanted) {
      box.current
        ?.querySelector('.jp-orch-failed-cell')
        ?.scrollIntoView({ block: 'start' });
    }
  }, [drawn, wanted]);
  return (
    <>
      {Boolean(error) && (
        <p className="jp-orch-empty" role="alert">
          {trans.__('The notebook cannot be drawn: %1', String(error))}
        </p>
      )}
      {!drawn && !error && <Skeleton lines={12} />}
      <div
        ref={box}
        className="jp-orch-notebook"
        data-running={props.running}
        aria-label={trans.__('Executed notebook')}
        role="region"
      />
    </>
  );
}
