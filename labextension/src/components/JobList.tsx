import { addIcon, closeIcon, refreshIcon } from '@jupyterlab/ui-components';
import { useIsFetching, useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { ApiError } from '../api';
import { trans } from '../i18n';
import { poolIcon, runsIcon, tableIcon } from '../icons';
import { useStatus } from '../queries';
import { Button, IconButton } from './basics';
import { useOrch, useSignal } from './context';
import { JobSections } from './JobSections';
import { NotebookCard } from './NotebookCard';
import { ServiceDown, ServiceFooter } from './Service';
import { useSettled } from './steady';

/** Typing pauses this long before the server is asked, in milliseconds. */
const TYPING = 200;

/** The list of jobs: the notebook in front, what fails, what runs, everything. */
export function JobList() {
  const root = React.useRef<HTMLDivElement>(null);
  const [text, setText] = React.useState('');
  const search = useSettled(text, TYPING);
  const status = useStatus();
  const down = status.error instanceof ApiError && status.error.serviceDown;
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
            {!search && <Drafts />}
            {!search && <NotebookCard />}
            <JobSections search={search} onClear={() => setText('')} />
          </div>
        </>
      )}
      <ServiceFooter down={down} />
    </div>
  );
}

/** Forms that were left before they were saved: nothing typed is lost. */
function Drafts() {
  const orch = useOrch();
  const [, drawAgain] = React.useReducer((n: number) => n + 1, 0);
  const entries = [...orch.drafts.entries()];
  return (
    <>
      {entries.map(([id, { spec, begun }]) => (
        <div key={id} className="jp-orch-draft">
          <Button
            kind="link"
            title={spec.notebook}
            onClick={() =>
              orch.view.set(
                begun
                  ? { mode: 'edit', job: begun.job.id }
                  : { mode: 'create', notebook: id.replace(/^create:/, '') }
              )
            }
          >
            {trans.__('Go on with %1, not saved yet', spec.name)}
          </Button>
          <IconButton
            icon={closeIcon}
            label={trans.__('Throw away what you typed for %1', spec.name)}
            onClick={() => {
              orch.drafts.delete(id);
              drawAgain();
            }}
          />
        </div>
      ))}
    </>
  );
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
        icon={runsIcon}
        label={trans.__('All runs')}
        onClick={() => orch.open('runs', '')}
      />
      <IconButton
        icon={tableIcon}
        label={trans.__('Tables')}
        onClick={() => orch.open('tables', '')}
      />
      <IconButton
        icon={poolIcon}
        label={trans.__('Pools')}
        onClick={() => orch.open('pools', '')}
      />
      <IconButton
        icon={refreshIcon}
        label={trans.__('Refresh')}
        onClick={() => void client.invalidateQueries()}
      />
    </header>
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
