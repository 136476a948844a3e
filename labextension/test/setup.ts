import { cleanup, configure } from '@testing-library/react';
import { afterEach } from 'vitest';

// What JupyterLab's widgets ask for when they are loaded, and jsdom lacks.
globalThis.DragEvent ??= class extends MouseEvent {} as typeof DragEvent;
window.matchMedia ??= (media: string) =>
  Object.assign(new EventTarget(), {
    media,
    matches: false,
    onchange: null,
    addListener: () => undefined,
    removeListener: () => undefined
  });

// The default is for machines that do nothing else.
configure({ asyncUtilTimeout: 30_000 });

afterEach(cleanup);
