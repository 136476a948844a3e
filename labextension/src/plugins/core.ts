import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Clipboard,
  Dialog,
  Notification,
  showDialog
} from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { URLExt } from '@jupyterlab/coreutils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ServerConnection } from '@jupyterlab/services';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import type { QueryClient } from '@tanstack/react-query';

import { Api } from '../api';
import type {
  ICurrentNotebook,
  IOrch,
  IRunsWanted,
  IShared,
  PanelView
} from '../components/context';
import { trans, useBundle as speak } from '../i18n';
import { keys, makeClient } from '../queries';
import { Commands, NAMESPACE } from '../tokens';

/** What the plugins of this extension share. */
export interface ICore {
  readonly orch: IOrch;
  readonly client: QueryClient;
}

export const ICore = new Token<ICore>(
  `${NAMESPACE}:ICore`,
  'The jobs API, its cached answers, and what components may ask of the Lab.'
);

/** How long a short message stays, in milliseconds. */
const MESSAGE = 5_000;

export const core: JupyterFrontEndPlugin<ICore> = {
  id: `${NAMESPACE}:core`,
  description: 'Speaks to the jobs service and keeps its answers.',
  autoStart: true,
  provides: ICore,
  requires: [
    IRenderMimeRegistry,
    IEditorServices,
    NotebookPanel.IContentFactory
  ],
  optional: [ITranslator, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    editors: IEditorServices,
    contentFactory: NotebookPanel.IContentFactory,
    translator: ITranslator | null,
    notebooks: INotebookTracker | null
  ): ICore => {
    speak((translator ?? nullTranslator).load('jupyter_orch'));
    const api = new Api(sender(app.serviceManager.serverSettings));
    const client = makeClient();
    const openFile = async (path: string) => {
      const { root } = await client.fetchQuery({
        queryKey: keys.lab(),
        queryFn: api.lab
      });
      const folder = root.replace(/\/$/, '');
      if (path.startsWith(`${folder}/`)) {
        await app.commands.execute('docmanager:open', {
          path: path.slice(folder.length + 1)
        });
      } else {
        Notification.error(
          trans.__('%1 is outside the folder that this JupyterLab shows.', path)
        );
      }
    };
    const orch: IOrch = {
      api,
      current: new CurrentNotebook(notebooks, app),
      view: new Shared<PanelView>({ mode: 'list' }),
      runs: new Shared<IRunsWanted>({ state: '', search: '' }),
      drafts: new Map(),
      open: (page, key) => {
        void app.commands.execute(Commands.open, { page, key });
      },
      openPanel: () => {
        orch.view.set({ mode: 'list' });
        void app.commands.execute(Commands.openPanel);
      },
      openFiles: () => {
        void app.commands.execute('filebrowser:activate');
      },
      openFile: path => {
        openFile(path).catch(error => Notification.error(String(error)));
      },
      say: (message, kind) => {
        Notification.emit(message, kind, {
          autoClose: kind === 'error' ? false : MESSAGE
        });
      },
      confirm: async (title, body, action) => {
        const buttons = [
          Dialog.cancelButton({ label: trans.__('Cancel') }),
          Dialog.warnButton({ label: action })
        ];
        const { button } = await showDialog({ title, body, buttons });
        return button.accept;
      },
      copy: text => {
        Clipboard.copyToSystem(text);
        Notification.success(trans.__('Copied.'), { autoClose: MESSAGE });
      },
      showNotebook: async content => {
        const { showNotebook } = await import('../viewer/notebook');
        return showNotebook(content, {
          rendermime,
          contentFactory,
          mimeTypeService: editors.mimeTypeService,
          translator: translator ?? nullTranslator
        });
      }
    };
    return { orch, client };
  }
};

/** Requests through the Lab's own connection: its token, its cookies, its base URL. */
function sender(settings: ServerConnection.ISettings) {
  return (path: string, init: RequestInit) =>
    ServerConnection.makeRequest(
      URLExt.join(settings.baseUrl, 'jupyter-orch/api/v1') + `/${path}`,
      init,
      settings
    );
}

class Shared<V> implements IShared<V> {
  readonly changed = new Signal<this, void>(this);

  constructor(public value: V) {}

  set(value: V): void {
    this.value = value;
    this.changed.emit();
  }
}

/** Follows the notebook that was last in front. */
class CurrentNotebook implements ICurrentNotebook {
  readonly changed = new Signal<this, void>(this);
  private watched: NotebookPanel | null = null;

  constructor(
    tracker: INotebookTracker | null,
    private readonly app: JupyterFrontEnd
  ) {
    tracker?.currentChanged.connect((_, panel) => this.watch(panel));
    this.watch(tracker?.currentWidget ?? null);
  }

  get path(): string | null {
    return this.watched
      ? this.app.serviceManager.contents.localPath(this.watched.context.path)
      : null;
  }

  get dirty(): boolean {
    return this.watched?.context.model?.dirty ?? false;
  }

  async save(): Promise<void> {
    await this.watched?.context.save();
  }

  private watch(panel: NotebookPanel | null): void {
    this.watched?.context.pathChanged.disconnect(this.tell, this);
    this.watched?.context.model?.stateChanged.disconnect(this.tell, this);
    this.watched = panel;
    panel?.context.pathChanged.connect(this.tell, this);
    panel?.context.model?.stateChanged.connect(this.tell, this);
    this.tell();
  }

  private tell(): void {
    this.changed.emit();
  }
}
