import type {
  ICell,
  INotebookContent,
  IOutput,
  MultilineString
} from '@jupyterlab/nbformat';

/**
 * A notebook file as JupyterLab's models want it: texts that the file keeps as lists of
 * lines become one string each. The contents API does this to files that the Lab opens.
 */
export function joinLines(notebook: INotebookContent): INotebookContent {
  return { ...notebook, cells: notebook.cells.map(cellOf) };
}

function cellOf(cell: ICell): ICell {
  const joined = { ...cell, source: text(cell.source) } as ICell;
  const { attachments } = cell as { attachments?: Record<string, object> };
  if (attachments) {
    joined.attachments = Object.fromEntries(
      Object.entries(attachments).map(([name, data]) => [name, bundle(data)])
    ) as ICell['attachments'];
  }
  if (Array.isArray(cell.outputs)) {
    joined.outputs = (cell.outputs as IOutput[]).map(joinOutput);
  }
  return joined;
}

/** The same for one output. */
export function joinOutput(output: IOutput): IOutput {
  const joined = { ...output } as IOutput;
  if ('text' in joined) {
    joined.text = text(joined.text as MultilineString);
  }
  if (joined.data) {
    joined.data = bundle(joined.data as object) as IOutput['data'];
  }
  return joined;
}

/** A list is a value of its own in JSON data, and a text in all other kinds. */
function bundle(data: object): object {
  return Object.fromEntries(
    Object.entries(data).map(([mime, value]) => [
      mime,
      /^application\/(.*\+)?json$/.test(mime)
        ? value
        : text(value as MultilineString)
    ])
  );
}

function text(value: MultilineString): string {
  return Array.isArray(value) ? value.join('') : value;
}
