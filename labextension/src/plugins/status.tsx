import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import * as React from 'react';

import { StatusItem } from '../components/StatusItem';
import { Commands, NAMESPACE } from '../tokens';
import { ICore } from './core';
import { OrchWidget } from './widget';

export const status: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:status`,
  description: 'How many jobs run and fail, in the status bar.',
  autoStart: true,
  requires: [ICore],
  optional: [IStatusBar],
  activate: (app: JupyterFrontEnd, core: ICore, bar: IStatusBar | null) => {
    const open = () => void app.commands.execute(Commands.openPanel);
    const item = new OrchWidget(core, <StatusItem onOpen={open} />);
    bar?.registerStatusItem(`${NAMESPACE}:status`, {
      item,
      align: 'left',
      rank: 20
    });
  }
};
