import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { NAMESPACE } from '../tokens';

/** Carries the settings file that puts our commands into toolbar and menus. */
export const toolbar: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:plugin`,
  description:
    'Schedule in the notebook toolbar, the file browser and the menu.',
  autoStart: true,
  activate: () => undefined
};
