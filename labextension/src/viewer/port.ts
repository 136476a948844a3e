import type { Widget } from '@lumino/widgets';

/** A notebook on show; `mark` marks the cell that failed. */
export interface INotebookView {
  readonly widget: Widget;
  mark(cell: number): void;
}

/** Draws an executed notebook, read-only. */
export type ExecutedNotebook = (content: unknown) => Promise<INotebookView>;
