import type { Widget } from '@lumino/widgets';

/** A notebook on show; `reveal` scrolls to a cell and marks it. */
export interface INotebookView {
  readonly widget: Widget;
  reveal(cell: number): void;
}

/** Draws an executed notebook, read-only. */
export type ExecutedNotebook = (content: unknown) => Promise<INotebookView>;
