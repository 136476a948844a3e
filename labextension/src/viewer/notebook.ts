import type { IEditorMimeTypeService } from '@jupyterlab/codeeditor';
import type { INotebookContent, IOutput } from '@jupyterlab/nbformat';
import {
  NotebookModel,
  NotebookPanel,
  StaticNotebook
} from '@jupyterlab/notebook';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { ITranslator } from '@jupyterlab/translation';

import { joinLines, joinOutput } from './lines';
import type { INotebookView } from './port';
import { follow, type IOutputs, joined } from './stream';

/** Where a notebook keeps the state of its ipywidgets. */
const WIDGET_STATE = 'application/vnd.jupyter.widget-state+json';

export interface IViewerParts {
  contentFactory: NotebookPanel.IContentFactory;
  mimeTypeService: IEditorMimeTypeService;
  rendermime: IRenderMimeRegistry;
  translator: ITranslator;
}

/**
 * Draws an executed notebook with JupyterLab's own cells. No kernel, no file, nothing to save.
 *
 * Outputs stay untrusted: a stored run never executes script in the reader's browser.
 */
export async function showNotebook(
  content: unknown,
  parts: IViewerParts
): Promise<INotebookView> {
  const notebook = joinLines(content as INotebookContent);
  const rendermime = parts.rendermime.clone();
  const saved = (notebook.metadata?.widgets as Record<string, unknown>)?.[
    WIDGET_STATE
  ];
  if (saved) {
    const { addSavedWidgets } = await import('./widgets');
    await addSavedWidgets(rendermime, saved);
  }
  const model = new NotebookModel({ disableDocumentWideUndoRedo: true });
  model.fromJSON(notebook);
  model.readOnly = true;
  const widget = new StaticNotebook({
    rendermime,
    contentFactory: parts.contentFactory,
    mimeTypeService: parts.mimeTypeService,
    translator: parts.translator,
    notebookConfig: {
      ...StaticNotebook.defaultNotebookConfig,
      windowingMode: 'none',
      scrollPastEnd: false
    }
  });
  widget.addClass('jp-orch-static');
  widget.model = model;
  for (const cell of widget.widgets) {
    cell.readOnly = true;
  }
  notebook.cells.forEach((cell, index) => {
    const { status } = (cell.metadata?.papermill ?? {}) as { status?: unknown };
    if (typeof status === 'string') {
      widget.widgets[index].node.dataset.status = status;
    }
  });
  widget.disposed.connect(() => model.dispose());
  const shown = new Map<number, readonly IOutput[]>();
  return {
    widget,
    mark: index => widget.widgets[index]?.addClass('jp-orch-failed-cell'),
    follow: (index, outputs) => {
      const { outputs: model } = widget.widgets[index].model as unknown as {
        outputs: IOutputs;
      };
      const now = joined(outputs.map(joinOutput));
      follow(model, shown.get(index) ?? [], now);
      shown.set(index, now);
    }
  };
}
