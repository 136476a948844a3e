import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

import { staleAfter } from '../queries';
import { CHANGED, IChange, NAMESPACE } from '../tokens';
import { ICore } from './core';

/** Changes that come closer together than this are one refetch, in milliseconds. */
const BURST = 150;

export const live: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:live`,
  description:
    "Refreshes what is on show when the Lab's event bus says that it changed.",
  autoStart: true,
  requires: [ICore],
  activate: (app: JupyterFrontEnd, shared: ICore) => {
    const { client } = shared;
    const waiting = new Map<string, string[]>();
    let timer: number | undefined;
    const flush = () => {
      timer = undefined;
      for (const queryKey of waiting.values()) {
        void client.invalidateQueries({ queryKey });
      }
      waiting.clear();
    };
    app.serviceManager.events.stream.connect((_, event) => {
      if ((event.schema_id as string) !== CHANGED) {
        return;
      }
      for (const key of staleAfter(event as unknown as IChange)) {
        waiting.set(JSON.stringify(key), key);
      }
      timer ??= window.setTimeout(flush, BURST);
    });
  }
};
