import { Signal } from '@lumino/signaling';
import { render } from '@testing-library/react';
import * as React from 'react';

import { Api } from '../src/api';
import { IOrch, IShared, OrchProvider } from '../src/components/context';
import { makeClient } from '../src/queries';

/** What a server made of JSON says to a request: a status and a body. */
export type Answer = [status: number, body: unknown];

/** Every request that was made, as `POST jobs`, with what it sent. */
export interface ISent {
  what: string;
  body: string;
}

/** A Lab around components: its server answers by `answers`, keyed as `POST jobs`. */
export function stage(answers: Record<string, () => Answer>) {
  const sent: ISent[] = [];
  const opened: string[] = [];
  const said: string[] = [];
  const api = new Api(async (path, init) => {
    const what = `${init.method} ${path.split('?')[0]}`;
    sent.push({ what, body: String(init.body ?? '') });
    const answer = answers[`${init.method} ${path}`] ?? answers[what];
    const [status, body] = answer?.() ?? [404, { title: `no ${what}` }];
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const headers = { ETag: '"1"' };
    const empty = status === 204 || status === 304;
    return new Response(empty ? null : text, { status, headers });
  });
  const orch: IOrch = {
    api,
    current: {
      path: null,
      dirty: false,
      changed: new Signal<object, void>({}),
      save: () => Promise.resolve()
    },
    view: shared<IOrch['view']['value']>({ mode: 'list' }),
    runs: shared<IOrch['runs']['value']>({ state: '', search: '' }),
    drafts: new Map(),
    open: (page, key) => void opened.push(`${page} ${key}`),
    openPanel: () => undefined,
    openFiles: () => undefined,
    openFile: () => undefined,
    say: message => void said.push(message),
    confirm: () => Promise.resolve(true),
    copy: () => undefined,
    showNotebook: () => Promise.reject(new Error('There is no notebook here.'))
  };
  const client = makeClient();
  const show = (child: React.ReactElement) =>
    render(
      <OrchProvider orch={orch} client={client}>
        {child}
      </OrchProvider>
    );
  return { orch, client, sent, opened, said, show };
}

function shared<V>(value: V): IShared<V> {
  const owner = {};
  const made = {
    value,
    changed: new Signal<object, void>(owner),
    set: (next: V) => {
      made.value = next;
      made.changed.emit();
    }
  };
  return made;
}
