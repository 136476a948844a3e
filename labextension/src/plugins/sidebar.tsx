import {
  ILabShell,
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import * as React from 'react';

import { Sidebar } from '../components/Sidebar';
import { trans } from '../i18n';
import { jobsIcon } from '../icons';
import { Commands, NAMESPACE } from '../tokens';
import { ICore } from './core';
import { OrchWidget } from './widget';

/** Below files and running kernels, above the table of contents. */
const RANK = 300;

export const sidebar: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:sidebar`,
  description: 'The Jobs sidebar and every way into it.',
  autoStart: true,
  requires: [ICore],
  optional: [
    ILabShell,
    ILayoutRestorer,
    ICommandPalette,
    ILauncher,
    IFileBrowserFactory
  ],
  activate: (
    app: JupyterFrontEnd,
    core: ICore,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    files: IFileBrowserFactory | null
  ) => {
    const { orch } = core;
    const panel = new OrchWidget(core, <Sidebar />);
    panel.id = `${NAMESPACE}-sidebar`;
    panel.title.icon = jobsIcon;
    panel.title.caption = trans.__('Jobs');
    panel.node.setAttribute('role', 'region');
    panel.node.setAttribute('aria-label', trans.__('Jobs'));
    app.shell.add(panel, 'left', { rank: RANK });
    restorer?.add(panel, panel.id);

    const show = () => app.shell.activateById(panel.id);
    app.commands.addCommand(Commands.openPanel, {
      label: trans.__('Jobs'),
      caption: trans.__('Scheduled notebooks, their runs and tables'),
      icon: jobsIcon,
      describedBy: { args: NO_ARGUMENTS },
      execute: show
    });
    app.commands.addCommand(Commands.schedule, {
      label: args =>
        args.toolbar
          ? trans.__('Schedule')
          : trans.__('Schedule this notebook'),
      caption: trans.__('Run this notebook on a schedule'),
      icon: jobsIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            path: {
              type: 'string',
              description: trans.__('The notebook; the one in front by default')
            },
            toolbar: { type: 'boolean' }
          }
        }
      },
      isEnabled: args => Boolean(args.path ?? orch.current.path),
      execute: args => {
        const path = (args.path as string | undefined) ?? orch.current.path;
        if (path) {
          orch.view.set({ mode: 'create', notebook: path });
          show();
        }
      }
    });
    orch.current.changed.connect(() =>
      app.commands.notifyCommandChanged(Commands.schedule)
    );
    app.commands.addCommand(Commands.scheduleFile, {
      label: trans.__('Schedule'),
      icon: jobsIcon,
      describedBy: { args: NO_ARGUMENTS },
      execute: () => {
        const item = files?.tracker.currentWidget?.selectedItems().next().value;
        if (item) {
          const path = app.serviceManager.contents.localPath(item.path);
          return app.commands.execute(Commands.schedule, { path });
        }
        return undefined;
      }
    });
    const category = trans.__('Jobs');
    for (const command of [Commands.openPanel, Commands.schedule]) {
      palette?.addItem({ command, category });
    }
    launcher?.add({ command: Commands.openPanel, category: trans.__('Other') });
    // What was asked for in the panel has the focus there.
    orch.view.changed.connect(() => {
      if (orch.view.value.mode !== 'list' && !panel.isVisible) {
        labShell?.activateById(panel.id);
      }
    });
  }
};

const NO_ARGUMENTS = { type: 'object', properties: {} } as const;
