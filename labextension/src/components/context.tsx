import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

import type { Api } from '../api';
import type { ExecutedNotebook } from '../viewer/port';

export type Page = 'job' | 'run' | 'table' | 'tables';

/** What the sidebar shows besides the list. */
export type PanelView =
  | { mode: 'list' }
  | { mode: 'create'; notebook: string }
  | { mode: 'edit'; job: string };

/** The notebook that people look at, for the sidebar's card. */
export interface ICurrentNotebook {
  /** Its path in the Lab, or null when no notebook is in front. */
  readonly path: string | null;
  readonly dirty: boolean;
  readonly changed: ISignal<unknown, void>;
  save(): Promise<void>;
}

/** Everything that components may ask of the Lab. */
export interface IOrch {
  readonly api: Api;
  readonly current: ICurrentNotebook;
  readonly view: {
    readonly value: PanelView;
    readonly changed: ISignal<unknown, void>;
    set(view: PanelView): void;
  };
  open(page: Page, key: string): void;
  /** Opens a file by its path in the Lab. */
  openFile(path: string): void;
  /** Shows a short message that goes away by itself. */
  say(message: string, kind: 'success' | 'error'): void;
  /** Asks before something is destroyed. */
  confirm(title: string, body: string, action: string): Promise<boolean>;
  copy(text: string): void;
  showNotebook: ExecutedNotebook;
}

const Context = React.createContext<IOrch | null>(null);

export function useOrch(): IOrch {
  const orch = React.useContext(Context);
  if (!orch) {
    throw new Error('A component of jupyter_orch stands outside its provider.');
  }
  return orch;
}

export function OrchProvider(props: {
  orch: IOrch;
  client: QueryClient;
  children: React.ReactNode;
}): React.ReactElement {
  return (
    <Context.Provider value={props.orch}>
      <QueryClientProvider client={props.client}>
        {props.children}
      </QueryClientProvider>
    </Context.Provider>
  );
}

/** Renders again whenever the signal fires. */
export function useSignal(signal: ISignal<unknown, void>): void {
  const [, count] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    signal.connect(count);
    return () => {
      signal.disconnect(count);
    };
  }, [signal]);
}
