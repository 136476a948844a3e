import * as base from '@jupyter-widgets/base';
import { IManagerState, ManagerBase } from '@jupyter-widgets/base-manager';
import * as controls from '@jupyter-widgets/controls';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { MessageLoop } from '@lumino/messaging';
import { Panel, Widget } from '@lumino/widgets';

import { trans } from '../i18n';

const VIEW = 'application/vnd.jupyter.widget-view+json';

/** Before the live manager's renderer, which would wait for a kernel for ever. */
const RANK = -20;

/** Knows widgets by their saved state only: nothing behind them answers. */
class SavedManager extends ManagerBase {
  /** Views look for a LaTeX typesetter under this name. */
  constructor(readonly _rendermime: IRenderMimeRegistry) {
    super();
  }

  protected loadClass(
    className: string,
    moduleName: string
  ): Promise<typeof base.WidgetModel | typeof base.WidgetView> {
    const modules: Record<string, unknown> = {
      '@jupyter-widgets/base': base,
      '@jupyter-widgets/controls': controls
    };
    const found = (modules[moduleName] as Record<string, unknown>)?.[className];
    if (!found) {
      return Promise.reject(
        new Error(`${moduleName} is not part of a saved view.`)
      );
    }
    return Promise.resolve(found as typeof base.WidgetModel);
  }

  protected _create_comm(): Promise<base.IClassicComm> {
    return Promise.reject(new Error('A saved widget has no kernel.'));
  }

  protected _get_comm_info(): Promise<Record<string, never>> {
    return Promise.resolve({});
  }
}

class SavedWidget extends Panel implements IRenderMime.IRenderer {
  constructor(private readonly manager: SavedManager) {
    super();
    this.addClass('jp-orch-saved-widget');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { model_id: id } = model.data[VIEW] as { model_id: string };
    if (!this.manager.has_model(id)) {
      this.say(String(model.data['text/plain'] ?? ''));
      return;
    }
    try {
      const widgetModel = await this.manager.get_model(id);
      const view = await this.manager.create_view(
        widgetModel as base.DOMWidgetModel
      );
      const { luminoWidget } = view as unknown as { luminoWidget: Widget };
      MessageLoop.sendMessage(luminoWidget, Widget.Msg.BeforeAttach);
      this.addWidget(luminoWidget);
      MessageLoop.sendMessage(luminoWidget, Widget.Msg.AfterAttach);
      this.freeze();
    } catch {
      this.say(String(model.data['text/plain'] ?? trans.__('A widget')));
    }
  }

  /** Nothing answers a click: controls show their values and say that they are saved. */
  private freeze(): void {
    this.node.title = trans.__('As it was when the run ended');
    this.node
      .querySelectorAll<HTMLInputElement>('input, button, select, textarea')
      .forEach(control => {
        control.disabled = true;
      });
  }

  private say(text: string): void {
    this.node.textContent = text;
  }
}

/** Lets the registry draw widgets from the state that the notebook saved. */
export async function addSavedWidgets(
  rendermime: IRenderMimeRegistry,
  state: unknown
): Promise<void> {
  const manager = new SavedManager(rendermime);
  await manager.set_state(state as IManagerState);
  rendermime.addFactory(
    {
      safe: true,
      mimeTypes: [VIEW],
      createRenderer: () => new SavedWidget(manager)
    },
    RANK
  );
}
