import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

import type { Api } from '../api';
import type { IJob, IJobSpec, RunFilter, Values } from '../tokens';
import type { ExecutedNotebook } from '../viewer/port';

export type Page = 'job' | 'run' | 'runs' | 'table' | 'tables' | 'pools';

/** What the sidebar shows besides the list. */
export type PanelView =
  | { mode: 'list' }
  | { mode: 'create'; notebook: string }
  | { mode: 'edit'; job: string };

/** What is typed into a form; it outlives the form until it is saved or thrown away. */
export interface IDraft {
  spec: IJobSpec;
  /** The values that a person gave; all others follow the notebook. */
  own: Values;
  /** One for all tries: a lost answer never makes a second job. */
  key: string;
  /** The saved job that the edit began with. */
  begun: { job: IJob; etag: string } | null;
}

/** Which runs the page of all runs shows. */
export interface IRunsWanted {
  state: RunFilter;
  search: string;
  /** Only runs of a job that failed in one way. */
  alike?: { fingerprint: string; job: string; name: string };
}

/** A value that many look at. */
export interface IShared<V> {
  readonly value: V;
  readonly changed: ISignal<unknown, void>;
  set(value: V): void;
}

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
  readonly view: IShared<PanelView>;
  readonly runs: IShared<IRunsWanted>;
  /** Forms that were left before they were saved, by what they are about. */
  readonly drafts: Map<string, IDraft>;
  /** `key` is an id, a table's name, or a `RunFilter`. */
  open(page: Page, key: string): void;
  /** Brings the sidebar to the front, on its list. */
  openPanel(): void;
  /** Brings the files to the front. */
  openFiles(): void;
  /** Opens a file by its path in the Lab. */
  openFile(path: string): void;
  /** Shows a short message that goes away by itself. */
  say(message: string, kind: 'success' | 'error'): void;
  /** Asks before something is destroyed. */
  confirm(
    title: string,
    body: string | React.ReactElement,
    action: string
  ): Promise<boolean>;
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
