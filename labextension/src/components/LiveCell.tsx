import type { IOutput } from '@jupyterlab/nbformat';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { trans } from '../i18n';
import { manyOf } from '../logic/progress';
import { duration } from '../logic/time';
import { useLive, useRunNotebook } from '../queries';
import type { ILiveCell, ILiveQuery, IRun } from '../tokens';
import type { INotebookView } from '../viewer/port';
import { Elapsed } from './basics';
import { useOrch } from './context';
import { useNear } from './steady';

/** Closer to the end than this one reads the newest lines, in pixels. */
const AT_END = 24;

/** The cell that runs, as far as it got, and the queries that it waits for. */
export function LiveCell(props: { run: IRun }) {
  const { run } = props;
  const place = React.useRef<HTMLElement>(null);
  const [near, setNear] = React.useState(true);
  useNear(place, setNear);
  const { data } = useLive(run.id, near && run.state === 'running');
  // While one cell follows another, what stands below keeps its place.
  const height = React.useRef(0);
  React.useLayoutEffect(() => {
    if (data?.cell && place.current) {
      height.current = place.current.offsetHeight;
    }
  });
  const { cell, queries } = data ?? { cell: null, queries: [] };
  return (
    <section
      ref={place}
      className="jp-orch-live"
      aria-label={trans.__('Running now')}
      style={cell ? undefined : { minHeight: height.current || undefined }}
    >
      {cell && (
        <>
          <div className="jp-orch-muted">
            {trans.__('Cell %1 is running', cell.index + 1)}
            {' · '}
            <Elapsed from={cell.started_at} to={null} />
          </div>
          {queries.map(query => (
            <QueryLine key={query.query_id} query={query} />
          ))}
          <Drawn
            key={`${run.attempt} ${cell.index} ${cell.started_at}`}
            run={run}
            cell={cell}
          />
        </>
      )}
    </section>
  );
}

/** `query 20261126_… 43 % · 1.2 M rows · 12 s`. */
function QueryLine(props: { query: ILiveQuery }) {
  const { query } = props;
  const known = query.percent !== null;
  const facts = [
    known
      ? trans.__('%1 %', Math.floor(query.percent ?? 0))
      : query.state.toLowerCase(),
    query.rows ? trans.__('%1 rows', manyOf(query.rows)) : '',
    duration(query.elapsed_seconds * 1_000)
  ];
  return (
    <div className="jp-orch-live-query">
      <span>
        {trans.__('query')} <code>{query.query_id}</code>
      </span>
      <progress
        aria-label={trans.__('Query %1', query.query_id)}
        {...(known ? { value: query.percent ?? 0, max: 100 } : {})}
      />
      <span>{facts.filter(Boolean).join(' · ')}</span>
    </div>
  );
}

function Drawn(props: { run: IRun; cell: ILiveCell }) {
  const { run, cell } = props;
  const orch = useOrch();
  const box = React.useRef<HTMLDivElement>(null);
  const [view, setView] = React.useState<INotebookView | null>(null);
  const [failed, setFailed] = React.useState(false);
  const language = useLanguage(run);
  const { source } = cell;
  React.useLayoutEffect(() => {
    const place = box.current;
    let made: INotebookView | null = null;
    let gone = false;
    orch
      .showNotebook(oneCell(source, language))
      .then(shown => {
        if (gone || !place) {
          shown.widget.dispose();
          return;
        }
        made = shown;
        Widget.attach(shown.widget, place);
        setView(shown);
      })
      .catch(() => setFailed(true));
    return () => {
      gone = true;
      if (made?.widget.isAttached) {
        Widget.detach(made.widget);
      }
      made?.widget.dispose();
    };
  }, [orch, source, language]);
  React.useEffect(() => {
    try {
      view?.follow(0, cell.outputs as unknown as IOutput[]);
    } catch {
      setFailed(true);
    }
  }, [view, cell.outputs]);
  useEndInView(box, view);
  return failed ? (
    <p className="jp-orch-empty">{trans.__('The cell cannot be drawn.')}</p>
  ) : (
    <div
      ref={box}
      className="jp-orch-notebook jp-orch-live-cell"
      tabIndex={0}
    />
  );
}

/** Follows the newest lines while the reader is at the end, and never else. */
function useEndInView(
  box: React.RefObject<HTMLElement>,
  view: INotebookView | null
): void {
  React.useEffect(() => {
    const place = box.current;
    if (!place || !view || !('ResizeObserver' in window)) {
      return;
    }
    let atEnd = true;
    const onScroll = () => {
      const below = place.scrollHeight - place.clientHeight - place.scrollTop;
      atEnd = below < AT_END;
    };
    const observer = new ResizeObserver(() => {
      if (atEnd) {
        place.scrollTop = place.scrollHeight;
      }
    });
    observer.observe(view.widget.node);
    place.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      observer.disconnect();
      place.removeEventListener('scroll', onScroll);
    };
  }, [box, view]);
}

/** The language of the run's notebook, once that is there. */
function useLanguage(run: IRun): string {
  const notebook = useRunNotebook(run.id, run.attempt, run.state);
  const { metadata } = (notebook.data ?? {}) as {
    metadata?: {
      kernelspec?: { language?: string };
      language_info?: { name?: string };
    };
  };
  return String(
    metadata?.language_info?.name ?? metadata?.kernelspec?.language ?? ''
  );
}

function oneCell(source: string, language: string): unknown {
  const cell = {
    cell_type: 'code',
    id: 'running',
    source,
    metadata: {},
    execution_count: null,
    outputs: []
  };
  const metadata = language ? { language_info: { name: language } } : {};
  return { nbformat: 4, nbformat_minor: 5, metadata, cells: [cell] };
}
