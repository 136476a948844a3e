import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import * as React from 'react';

import type { Page } from '../components/context';
import { JobPage } from '../components/JobPage';
import { PoolsPage } from '../components/PoolsPage';
import { RunPage } from '../components/RunPage';
import { RunsPage } from '../components/RunsPage';
import { TablePage } from '../components/TablePage';
import { TablesPage } from '../components/TablesPage';
import { trans } from '../i18n';
import { jobsIcon, poolIcon, runsIcon, tableIcon } from '../icons';
import { keys } from '../queries';
import { Commands, NAMESPACE, RunFilter } from '../tokens';
import { ICore } from './core';
import { OrchWidget } from './widget';

/** A tab of the main area that knows what it shows, so that a reload brings it back. */
class PageTab extends MainAreaWidget<OrchWidget> {
  constructor(
    core: ICore,
    readonly page: Page,
    readonly key: string
  ) {
    super({
      content: new OrchWidget(
        core,
        bodyOf(page, key, () => this.dispose())
      )
    });
    this.id = idOf(page, key);
    this.title.closable = true;
    this.title.icon = {
      job: jobsIcon,
      run: runsIcon,
      runs: runsIcon,
      table: tableIcon,
      tables: tableIcon,
      pools: poolIcon
    }[page];
    this.title.label = {
      job: trans.__('Job'),
      run: trans.__('Run'),
      runs: trans.__('All runs'),
      table: key,
      tables: trans.__('Tables'),
      pools: trans.__('Pools')
    }[page];
    this.toolbar.hide();
    if (page === 'run') {
      core.client
        .fetchQuery({
          queryKey: keys.run(key),
          queryFn: () => core.orch.api.run(key)
        })
        .then(({ run }) => {
          this.title.label = trans.__('%1 · run', run.job_name);
        })
        .catch(() => undefined); // the page itself says what is wrong
    } else if (page === 'job') {
      core.client
        .fetchQuery({
          queryKey: keys.job(key),
          queryFn: () => core.orch.api.job(key)
        })
        .then(({ value }) => {
          this.title.label = value.job.spec.name;
        })
        .catch(() => undefined);
    }
  }
}

function idOf(page: Page, key: string): string {
  return `${NAMESPACE}-${page}-${key}`;
}

function bodyOf(
  page: Page,
  key: string,
  close: () => void
): React.ReactElement {
  switch (page) {
    case 'job':
      return <JobPage id={key} onGone={close} />;
    case 'run':
      return <RunPage id={key} />;
    case 'runs':
      return <RunsPage />;
    case 'table':
      return <TablePage name={key} />;
    case 'pools':
      return <PoolsPage />;
    default:
      return <TablesPage />;
  }
}

/** Hands the tab to the shell, which owns it from now on. */
function shown(app: JupyterFrontEnd, tab: PageTab): PageTab {
  app.shell.add(tab, 'main');
  return tab;
}

export const pages: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:pages`,
  description: 'Jobs, runs, tables and pools as tabs of the main area.',
  autoStart: true,
  requires: [ICore],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    core: ICore,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ) => {
    const tracker = new WidgetTracker<PageTab>({ namespace: NAMESPACE });
    app.commands.addCommand(Commands.open, {
      label: trans.__('Open a job, run, table or the pools'),
      describedBy: {
        args: {
          type: 'object',
          required: ['page'],
          properties: {
            page: {
              type: 'string',
              enum: ['job', 'run', 'runs', 'table', 'tables', 'pools']
            },
            key: {
              type: 'string',
              description: trans.__(
                'Id of the job or run, name of the table, or state of the runs'
              )
            }
          }
        }
      },
      execute: args => {
        const page = args.page as Page;
        let key = (args.key as string | undefined) ?? '';
        if (page === 'runs') {
          // One tab for all of them: the door says which ones it shows.
          core.orch.runs.set({ state: key as RunFilter, search: '' });
          key = '';
        }
        const id = idOf(page, key);
        if (!tracker.find(widget => widget.id === id)) {
          void tracker.add(shown(app, new PageTab(core, page, key)));
        }
        app.shell.activateById(id);
      }
    });
    app.commands.addCommand(Commands.openTables, {
      label: trans.__('Tables'),
      caption: trans.__('Tables that notebooks publish, with their versions'),
      icon: tableIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.commands.execute(Commands.open, { page: 'tables' })
    });
    app.commands.addCommand(Commands.openRuns, {
      label: trans.__('All runs'),
      caption: trans.__('Runs of all jobs, of deleted ones, and of papermill'),
      icon: runsIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.commands.execute(Commands.open, { page: 'runs' })
    });
    app.commands.addCommand(Commands.openPools, {
      label: trans.__('Pools'),
      caption: trans.__('Slots that limit how many runs go on at a time'),
      icon: poolIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.commands.execute(Commands.open, { page: 'pools' })
    });
    for (const command of [
      Commands.openRuns,
      Commands.openTables,
      Commands.openPools
    ]) {
      palette?.addItem({ command, category: trans.__('Jobs') });
    }
    void restorer?.restore(tracker, {
      command: Commands.open,
      args: ({ page, key }) => ({ page, key }),
      name: tab => `${tab.page}:${tab.key}`
    });
  }
};
