import type { IOutput } from '@jupyterlab/nbformat';
import { OutputAreaModel } from '@jupyterlab/outputarea';
import { Widget } from '@lumino/widgets';
import { screen, waitFor } from '@testing-library/react';
import * as React from 'react';
import { expect, test } from 'vitest';

import { Api } from '../src/api';
import { JobRow } from '../src/components/JobRow';
import { LiveCell } from '../src/components/LiveCell';
import { RunProgress } from '../src/components/RunProgress';
import { manyOf, outlook } from '../src/logic/progress';
import type {
  IJobSummary,
  ILive,
  IRun,
  IRunDetail,
  IUsual
} from '../src/tokens';
import { follow, joined } from '../src/viewer/stream';
import { Answer, stage } from './kit';

const RUN = {
  ...{ id: 'r', state: 'running', attempt: 1, cells_done: 2, cells_total: 12 },
  started_at: '2026-11-01T06:00:00Z'
} as unknown as IRun;

const USUAL: IUsual = { runs: 20, seconds: 180, slow_seconds: 200 };

const at = (seconds: number) =>
  new Date(new Date('2026-11-01T06:00:00Z').getTime() + seconds * 1_000);

const printed = (text: string, name = 'stdout') =>
  ({ output_type: 'stream', name, text }) as IOutput;
const drawn = (text: string) =>
  ({
    output_type: 'display_data',
    data: { 'text/plain': text },
    metadata: {}
  }) as IOutput;

test('what is left is said from what is usual, and what is not usual is said', () => {
  const said = (seconds: number, usual: IUsual | null = USUAL) =>
    outlook(RUN, usual, at(seconds));
  expect(said(41)).toBe('about 2 min left');
  expect(said(178)).toBe('about 2 s left');
  expect(said(190)).toBe('usually 3 min');
  expect(said(221)).toBe('longer than usual (usually 3 min)');
  expect(said(41, null)).toBeNull();
  const ended = { ...RUN, state: 'publishing' } as IRun;
  expect(outlook(ended, USUAL, at(41))).toBeNull();
});

test('counts are short', () => {
  expect([0, 9_999, 12_345, 1_234_567, 654_000_000, 2.5e9].map(manyOf)).toEqual(
    ['0', '9999', '12.3 k', '1.2 M', '654 M', '2.5 G']
  );
});

test('a job in the list says where its run is and what is left', () => {
  const started_at = new Date(Date.now() - 41_000).toISOString();
  const row = (run: object, usual: IUsual | null) =>
    stage({}).show(
      <JobRow
        summary={
          {
            job: { id: 'j', error: null, spec: { name: 'a', triggers: [] } },
            active_run: { ...RUN, started_at, ...run },
            last_run: null,
            next_due: null,
            usual
          } as unknown as IJobSummary
        }
        rowKey="a"
        active={false}
        onActive={() => undefined}
      />
    );
  for (const [run, usual, words] of [
    [{}, USUAL, 'cell 3 of 12 · about 2 min left'],
    [{}, null, 'cell 3 of 12 · runs by hand'],
    [{ cells_total: 0 }, null, 'running · runs by hand'],
    [{ state: 'queued' }, USUAL, 'queued · runs by hand']
  ] as const) {
    const shown = row(run, usual);
    expect(screen.getByText(words)).toBeTruthy();
    shown.unmount();
  }
});

test('the progress says cell, time and what is left, and announces the cell', () => {
  const started_at = new Date(Date.now() - 41_000).toISOString();
  const detail = { run: { ...RUN, started_at }, usual: USUAL };
  stage({}).show(<RunProgress detail={detail as unknown as IRunDetail} />);
  expect(
    screen.getByText(/cell 3 of 12 · 41 s · about 2 min left/)
  ).toBeTruthy();
  expect(screen.getByRole('status').textContent).toBe('cell 3 of 12');
  const bar = screen.getByRole<HTMLProgressElement>('progressbar');
  expect([bar.value, bar.max]).toEqual([2, 12]);
});

/** The model of a real cell's outputs, and what was done to it. */
function cellOutputs() {
  const outputs = new OutputAreaModel();
  const done: string[] = [];
  outputs.changed.connect((_, { type }) => void done.push(type));
  return { outputs, done };
}

test('outputs that go on are drawn in their place, and others are left alone', () => {
  const { outputs, done } = cellOutputs();
  let before: IOutput[] = [];
  const show = (...now: IOutput[]) => {
    done.length = 0;
    follow(outputs, before, now);
    before = now;
    expect(outputs.toJSON()).toMatchObject(now);
    return [...done];
  };
  expect(show(drawn('plot'), printed('1\n'))).toEqual(['add', 'add']);
  expect(show(drawn('plot'), printed('1\n'))).toEqual([]);
  expect(show(drawn('plot'), printed('1\n2\n'))).toEqual(['set']);
  expect(
    show(drawn('plot'), printed('1\n2\n'), printed('!', 'stderr'))
  ).toEqual(['add']);
  // Cleared, and something else came.
  expect(show(printed('new\n'))).toContain('add');
  expect(show()).not.toContain('add');
});

test('when the first outputs go, the others stay', () => {
  const { outputs, done } = cellOutputs();
  const line = (n: number) => printed(`${n}\n`, n % 2 ? 'stderr' : 'stdout');
  const before = [0, 1, 2, 3, 4, 5].map(line);
  follow(outputs, [], before);
  done.length = 0;
  const now = [printed('note\n1\n', 'stderr'), ...[2, 3, 4, 5, 6].map(line)];
  follow(outputs, before, now);
  expect(outputs.toJSON()).toMatchObject(now);
  expect(done).toEqual(['remove', 'set', 'add']);
});

test('texts of one stream in a row are one', () => {
  expect(joined([printed('a'), printed('b'), printed('c', 'stderr')])).toEqual([
    printed('ab'),
    printed('c', 'stderr')
  ]);
});

const LIVE: ILive = {
  ...{ attempt: 1, state: 'running', cells_done: 2, cells_total: 12 },
  cell: {
    index: 2,
    started_at: '2026-11-01T06:00:00Z',
    source: 'work()',
    outputs: [{ output_type: 'stream', name: 'stdout', text: 'at work\n' }]
  },
  queries: [
    {
      ...{ query_id: '20261101_1', state: 'RUNNING', percent: 43.7 },
      ...{ rows: 1_234_567, elapsed_seconds: 12 }
    },
    {
      ...{ query_id: '20261101_2', state: 'QUEUED', percent: null },
      ...{ rows: 0, elapsed_seconds: 1.5 }
    }
  ]
};

function follower(answer: () => Answer) {
  const lab = stage({ 'GET runs/r/live': answer });
  const shown: unknown[] = [];
  lab.orch.showNotebook = content => {
    shown.push(content);
    return Promise.resolve({
      widget: new Widget(),
      mark: () => undefined,
      follow: (_: number, outputs: readonly IOutput[]) =>
        void shown.push(outputs)
    });
  };
  return { ...lab, shown };
}

test('the running cell and its queries are shown, and asked for again', async () => {
  let answer: Answer = [200, LIVE];
  const lab = follower(() => answer);
  lab.show(<LiveCell run={RUN} />);
  const section = screen.getByRole('region', { name: 'Running now' });
  await waitFor(() =>
    expect(section.textContent).toContain('Cell 3 is running')
  );
  const words = section.textContent?.replace(/\s+/g, ' ');
  expect(words).toContain('query 20261101_143 % · 1.2 M rows · 12 s');
  expect(words).toContain('queued · 1.5 s');
  const [known, unknown] =
    screen.getAllByRole<HTMLProgressElement>('progressbar');
  expect([known.value, known.max]).toEqual([43.7, 100]);
  expect(unknown.hasAttribute('value')).toBe(false);
  await waitFor(() => expect(lab.shown).toHaveLength(2));
  expect(lab.shown[0]).toMatchObject({ cells: [{ source: 'work()' }] });
  expect(lab.shown[1]).toEqual(LIVE.cell?.outputs);

  // The same again costs nothing; the end of the cell leaves no trace of it.
  answer = [304, null];
  const asked = lab.sent.length;
  await waitFor(() => expect(lab.sent.length).toBeGreaterThan(asked + 1));
  expect(lab.shown).toHaveLength(2);
  answer = [200, { ...LIVE, cell: null, queries: [] }];
  await waitFor(() => expect(section.textContent).toBe(''));
});

test('a run that waits is not asked what it shows', async () => {
  const lab = follower(() => [200, LIVE]);
  lab.show(<LiveCell run={{ ...RUN, state: 'queued' } as IRun} />);
  await new Promise(resolve => window.setTimeout(resolve, 100));
  expect(lab.sent.filter(({ what }) => what.endsWith('live'))).toEqual([]);
});

test('what has not changed is the answer that is known', async () => {
  const guards: (string | null)[] = [];
  const api = new Api((_, init) => {
    const guard = new Headers(init.headers).get('If-None-Match');
    guards.push(guard);
    return Promise.resolve(
      guard
        ? new Response(null, { status: 304 })
        : new Response('{"cells":[]}', { headers: { ETag: '"x"' } })
    );
  });
  const first = await api.notebook('r', 1);
  expect(await api.notebook('r', 1, first)).toBe(first);
  expect(guards).toEqual([null, '"x"']);
});
