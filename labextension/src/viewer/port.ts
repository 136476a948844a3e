import type { IOutput } from '@jupyterlab/nbformat';
import type { Widget } from '@lumino/widgets';

/** A notebook on show; `mark` marks the cell that failed. */
export interface INotebookView {
  readonly widget: Widget;
  mark(cell: number): void;
  /** Makes the outputs of a cell these, without a flicker where they only went on. */
  follow(cell: number, outputs: readonly IOutput[]): void;
}

/** Draws an executed notebook, read-only. */
export type ExecutedNotebook = (content: unknown) => Promise<INotebookView>;
