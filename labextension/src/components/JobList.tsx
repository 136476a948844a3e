import { addIcon, refreshIcon } from '@jupyterlab/ui-components';
import { useIsFetching, useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { ApiError } from '../api';
import { trans } from '../i18n';
import { jobsIcon, tableIcon } from '../icons';
import { isFailing } from '../logic/states';
import { useJobs } from '../queries';
import type { IJobSummary } from '../tokens';
import { Button, IconButton, Problem, Skeleton } from './basics';
import { useOrch, useSignal } from './context';
import { JobRow } from './JobRow';
import { NotebookCard } from './NotebookCard';
import { ServiceDown, ServiceFooter } from './Service';

/** Typing pauses this long before the server is asked, in milliseconds. */
const TYPING = 200;

/** The list of jobs: the notebook in front, what fails, what runs, everything. */
export function JobList() {
  const root = React.useRef<HTMLDivElement>(null);
  const [text, setText] = React.useState('');
  const search = useSettled(text, TYPING);
  const jobs = useJobs({ search });
  const down = jobs.error instanceof ApiError && jobs.error.serviceDown;
  return (
    <div
      ref={root}
      className="jp-orch-list"
      onKeyDown={event => onKey(event, root.current, () => setText(''))}
    >
      <Toolbar />
      {down ? (
        <ServiceDown />
      ) : (
        <>
          <div className="jp-orch-search">
            <input
              type="search"
              className="jp-mod-styled"
              placeholder={trans.__('Search jobs ( / )')}
              aria-label={trans.__('Search jobs')}
              value={text}
              onChange={event => setText(event.target.value)}
            />
          </div>
          <div className="jp-orch-scroll">
            {!search && <NotebookCard />}
            <Sections jobs={jobs} search={search} />
          </div>
        </>
      )}
      <ServiceFooter down={down} />
    </div>
  );
}

function useSettled(value: string, delay: number): string {
  const [settled, settle] = React.useState(value);
  React.useEffect(() => {
    const timer = window.setTimeout(() => settle(value.trim()), delay);
    return () => window.clearTimeout(timer);
  }, [value, delay]);
  return settled;
}

function Toolbar() {
  const orch = useOrch();
  const client = useQueryClient();
  useSignal(orch.current.changed);
  const busy = useIsFetching() > 0;
  const { path } = orch.current;
  return (
    <header className="jp-orch-toolbar" data-busy={busy}>
      <h2>{trans.__('Jobs')}</h2>
      <IconButton
        icon={addIcon}
        label={
          path
            ? trans.__('Schedule the open notebook')
            : trans.__('Open a notebook to schedule it')
        }
        disabled={!path}
        onClick={() =>
          path && orch.view.set({ mode: 'create', notebook: path })
        }
      />
      <IconButton
        icon={tableIcon}
        label={trans.__('Tables')}
        onClick={() => orch.open('tables', '')}
      />
      <IconButton
        icon={refreshIcon}
        label={trans.__('Refresh')}
        onClick={() => void client.invalidateQueries()}
      />
    </header>
  );
}

function Sections(props: { jobs: ReturnType<typeof useJobs>; search: string }) {
  const { jobs, search } = props;
  const [active, setActive] = React.useState('');
  const items = React.useMemo(
    () => jobs.data?.pages.flatMap(page => page.items) ?? [],
    [jobs.data]
  );
  if (!jobs.data) {
    return jobs.error ? (
      <Problem error={jobs.error} retry={() => void jobs.refetch()} />
    ) : (
      <Skeleton lines={6} />
    );
  }
  if (!items.length) {
    return search ? (
      <p className="jp-orch-empty">
        {trans.__('No job has “%1” in its name.', search)}
      </p>
    ) : (
      <Empty />
    );
  }
  const sections = search
    ? [{ key: 'all', title: trans.__('found'), items }]
    : [
        {
          key: 'failing',
          title: trans.__('failing'),
          items: items.filter(isFailing)
        },
        {
          key: 'running',
          title: trans.__('running'),
          items: items.filter(item => item.active_run)
        },
        { key: 'all', title: trans.__('all'), items }
      ];
  const shown = sections.filter(section => section.items.length);
  const rowKeys = shown.flatMap(s =>
    s.items.map(item => `${s.key}/${item.job.id}`)
  );
  const current = rowKeys.includes(active) ? active : rowKeys[0];
  return (
    <div role="grid" aria-label={trans.__('Jobs')} aria-readonly="true">
      {shown.map(section => (
        <Section
          key={section.key}
          id={section.key}
          title={section.title}
          items={section.items}
          more={jobs.hasNextPage}
          active={current}
          onActive={setActive}
        />
      ))}
      {jobs.hasNextPage && (
        <div className="jp-orch-more">
          <Button
            disabled={jobs.isFetchingNextPage}
            onClick={() => void jobs.fetchNextPage()}
          >
            {trans.__('Show more')}
          </Button>
        </div>
      )}
    </div>
  );
}

function Section(props: {
  id: string;
  title: string;
  items: IJobSummary[];
  more: boolean;
  active: string;
  onActive: (key: string) => void;
}) {
  const count = `${props.items.length}${props.more ? '+' : ''}`;
  return (
    <div
      role="rowgroup"
      className="jp-orch-section"
      data-section={props.id}
      aria-label={`${props.title} (${count})`}
    >
      <h3>
        {props.title} ({count})
      </h3>
      {props.items.map(item => {
        const key = `${props.id}/${item.job.id}`;
        return (
          <JobRow
            key={key}
            rowKey={key}
            summary={item}
            active={props.active === key}
            onActive={props.onActive}
          />
        );
      })}
    </div>
  );
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
        <p>{trans.__('Open a notebook and press Schedule in its toolbar.')}</p>
      )}
    </div>
  );
}

/** Arrows walk over all rows, `/` searches, Esc clears the search. */
function onKey(
  event: React.KeyboardEvent,
  root: HTMLElement | null,
  clear: () => void
): void {
  const target = event.target as HTMLElement;
  const typing = target instanceof HTMLInputElement;
  const rows = Array.from(
    root?.querySelectorAll<HTMLElement>('[data-row]') ?? []
  );
  const focus = (row: HTMLElement | undefined) => {
    event.preventDefault();
    row?.focus();
  };
  if (typing) {
    if (event.key === 'Escape') {
      clear();
    } else if (event.key === 'ArrowDown') {
      focus(rows[0]);
    }
    return;
  }
  const here = target.closest<HTMLElement>('[data-row]');
  const index = here ? rows.indexOf(here) : -1;
  const buttons = Array.from(here?.querySelectorAll('button') ?? []);
  const button = buttons.indexOf(target as HTMLButtonElement);
  switch (event.key) {
    case '/':
      focus(
        root?.querySelector<HTMLElement>('input[type=search]') ?? undefined
      );
      break;
    case 'ArrowDown':
      focus(rows[Math.min(index + 1, rows.length - 1)]);
      break;
    case 'ArrowUp':
      focus(rows[Math.max(index - 1, 0)]);
      break;
    case 'Home':
      focus(rows[0]);
      break;
    case 'End':
      focus(rows[rows.length - 1]);
      break;
    case 'ArrowRight':
      if (here && button < buttons.length - 1) {
        focus(buttons[button + 1]);
      }
      break;
    case 'ArrowLeft':
      if (here && button >= 0) {
        focus(button ? buttons[button - 1] : here);
      }
      break;
    case 'Escape':
      if (here && button >= 0) {
        focus(here);
      }
      break;
  }
}
