import * as React from 'react';

import { ApiError } from '../api';
import { trans } from '../i18n';
import { jobsIcon } from '../icons';
import { useJob, useJobPages, useJobs, useStatus } from '../queries';
import type { IJobSummary } from '../tokens';
import { Button } from './basics';
import { useOrch, useSignal } from './context';
import { Outdated, Problem, Skeleton } from './Fetched';
import { JobRow } from './JobRow';
import { useHeld, useNear } from './steady';

/** Which rows stand where. A section has pages, of which only those in view are drawn. */
interface ILayout {
  search: string;
  sections: { key: string; title: string; count: string; pages: string[][] }[];
}

/** What fails, what runs, and everything; with a search, what was found. */
export function JobSections(props: { search: string; onClear: () => void }) {
  const { search } = props;
  const [count, setCount] = React.useState({ search, pages: 1 });
  const pages = count.search === search ? count.pages : 1;
  const [near, setNear] = React.useState<ReadonlySet<number>>(new Set([0]));
  const failing = useJobs({ state: 'failing' });
  const running = useJobs({ state: 'running' });
  const all = useJobPages({ search }, pages, near);
  const status = useStatus();
  const { held, hold } = useHeld();

  // The newest that any list says of a job.
  const live = new Map<string, IJobSummary>();
  [
    { items: failing.data?.items, at: failing.dataUpdatedAt },
    { items: running.data?.items, at: running.dataUpdatedAt },
    ...all.pages.map(({ items }, i) => ({ items, at: all.updatedAt[i] }))
  ]
    .sort((a, b) => a.at - b.at)
    .forEach(({ items }) =>
      items?.forEach(item => live.set(item.job.id, item))
    );

  const fresh = all.whole
    ? search
      ? layoutOf(search, [
          section('found', trans.__('found'), all.pages, all.more)
        ])
      : layoutOf(search, [
          failingSection(failing.data, all.pages, status.data?.counts.failing),
          section(
            'running',
            trans.__('running'),
            running.data ? [running.data] : []
          ),
          section('all', trans.__('all'), all.pages, all.more)
        ])
    : null;
  const shown = React.useRef<ILayout | null>(null);
  const keep =
    held && shown.current?.search === search && shown.current.sections.length;
  const layout =
    fresh && !keep ? fresh : shown.current && grown(shown.current, fresh);
  React.useLayoutEffect(() => {
    shown.current = layout;
  });

  const [active, setActive] = React.useState('');
  if (!layout) {
    return all.error ? (
      <Problem error={all.error} retry={() => void all.refetch()} />
    ) : (
      <Skeleton
        lines={6}
        label={trans.__('Asking for the jobs…')}
        onCancel={all.isFetching ? all.cancel : undefined}
      />
    );
  }
  if (!layout.sections.length) {
    return search ? (
      <div className="jp-orch-empty">
        <p>{trans.__('No job has “%1” in its name.', search)}</p>
        <Button onClick={props.onClear}>{trans.__('Clear the search')}</Button>
      </div>
    ) : (
      <Empty />
    );
  }
  const keysOf = layout.sections.flatMap(({ key, pages: p }) =>
    p.flat().map(id => `${key}/${id}`)
  );
  const current = keysOf.includes(active) ? active : keysOf[0];
  return (
    <>
      {all.error && (
        <Outdated error={all.error} retry={() => void all.refetch()} />
      )}
      <div
        role="grid"
        aria-label={trans.__('Jobs')}
        aria-readonly="true"
        {...hold}
      >
        {layout.sections.map(({ key, title, count: n, pages: ids }) => (
          <div
            key={key}
            role="rowgroup"
            className="jp-orch-section"
            data-section={key}
            aria-label={`${title} (${n})`}
          >
            <h3>
              {title} ({n})
            </h3>
            {ids.map((page, index) => (
              <PageOfRows
                key={index}
                section={key}
                ids={page}
                live={live}
                active={current}
                onActive={setActive}
                onNear={is =>
                  key !== 'failing' &&
                  key !== 'running' &&
                  setNear(old => withIndex(old, index, is))
                }
              />
            ))}
          </div>
        ))}
        {all.more && (
          <div className="jp-orch-more">
            <Button
              disabled={!all.whole}
              onClick={() => setCount({ search, pages: pages + 1 })}
            >
              {trans.__('Show more')}
            </Button>
          </div>
        )}
      </div>
    </>
  );
}

type Section = ILayout['sections'][number];

function section(
  key: string,
  title: string,
  pages: { items: IJobSummary[]; next_cursor: string | null }[],
  more = Boolean(pages[pages.length - 1]?.next_cursor)
): Section {
  const ids = pages.map(({ items }) => items.map(({ job }) => job.id));
  return {
    key,
    title,
    count: `${ids.flat().length}${more ? '+' : ''}`,
    pages: ids
  };
}

/** Jobs whose last run failed, as the server knows them all; and those that stopped firing. */
function failingSection(
  failed: { items: IJobSummary[] } | undefined,
  pages: { items: IJobSummary[] }[],
  count: number | undefined
): Section {
  const items = failed?.items ?? [];
  const known = new Set(items.map(({ job }) => job.id));
  const stopped = pages
    .flatMap(page => page.items)
    .filter(({ job }) => job.error && !known.has(job.id));
  const made = section('failing', trans.__('failing'), [
    { items: [...items, ...stopped], next_cursor: null }
  ]);
  const total = Math.max(count ?? 0, items.length) + stopped.length;
  return { ...made, count: String(total) };
}

function layoutOf(search: string, sections: Section[]): ILayout {
  return {
    search,
    sections: sections.filter(({ pages }) => pages.flat().length)
  };
}

/** The layout as it stands, with pages that were asked for since at its end. */
function grown(old: ILayout, fresh: ILayout | null): ILayout {
  if (fresh?.search !== old.search) {
    return old;
  }
  return {
    ...old,
    sections: old.sections.map(one => {
      const now = fresh.sections.find(({ key }) => key === one.key);
      const seen = new Set(one.pages.flat());
      const added = (now?.pages ?? [])
        .slice(one.pages.length)
        .map(page => page.filter(id => !seen.has(id)));
      return added.length
        ? { ...one, count: now!.count, pages: [...one.pages, ...added] }
        : one;
    })
  };
}

function withIndex(
  old: ReadonlySet<number>,
  index: number,
  is: boolean
): ReadonlySet<number> {
  if (old.has(index) === is) {
    return old;
  }
  const next = new Set(old);
  if (is) {
    next.add(index);
  } else {
    next.delete(index);
  }
  return next;
}

/** Some rows, or their empty place while they are far out of view. */
function PageOfRows(props: {
  section: string;
  ids: string[];
  live: ReadonlyMap<string, IJobSummary>;
  active: string;
  onActive: (key: string) => void;
  onNear: (near: boolean) => void;
}) {
  const { ids, live, active } = props;
  const box = React.useRef<HTMLDivElement>(null);
  const [height, setHeight] = React.useState<number | null>(null);
  useNear(box, near => {
    setHeight(near ? null : (box.current?.offsetHeight ?? null));
    props.onNear(near);
  });
  const keyOf = (id: string) => `${props.section}/${id}`;
  const away = height !== null && !ids.some(id => keyOf(id) === active);
  return (
    <div ref={box} style={away ? { height } : undefined}>
      {!away &&
        ids.map(id => (
          <KnownRow
            key={id}
            id={id}
            rowKey={keyOf(id)}
            summary={live.get(id)}
            active={active === keyOf(id)}
            onActive={props.onActive}
          />
        ))}
    </div>
  );
}

/** The row of a job; one that no list holds any more is asked for by itself. */
function KnownRow(props: {
  id: string;
  rowKey: string;
  summary: IJobSummary | undefined;
  active: boolean;
  onActive: (key: string) => void;
}) {
  const { summary } = props;
  const [last, setLast] = React.useState(summary);
  if (summary && summary !== last) {
    setLast(summary);
  }
  const alone = useJob(summary ? null : props.id);
  const gone = alone.error instanceof ApiError && alone.error.status === 404;
  const known = summary ?? alone.data?.value ?? last;
  return known ? (
    <JobRow
      summary={known}
      rowKey={props.rowKey}
      gone={!summary && gone}
      active={props.active}
      onActive={props.onActive}
    />
  ) : null;
}

/** No job at all: say what will be here and how it gets here. */
function Empty() {
  const orch = useOrch();
  useSignal(orch.current.changed);
  return (
    <div className="jp-orch-empty">
      <jobsIcon.react tag="span" width="48px" height="48px" />
      <p>
        {trans.__(
          'Notebooks that run on a schedule show up here, with how they went and when they run next.'
        )}
      </p>
      {!orch.current.path && (
        <>
          <p>
            {trans.__('Open a notebook and press Schedule in its toolbar.')}
          </p>
          <Button onClick={orch.openFiles}>
            {trans.__('Show the notebooks')}
          </Button>
        </>
      )}
    </div>
  );
}
