import { fireEvent, screen, within } from '@testing-library/react';
import * as React from 'react';
import { expect, test, vi } from 'vitest';

import { TablePage } from '../src/components/TablePage';
import { VersionsOfRun } from '../src/components/VersionsOfRun';
import type { ITableVersion } from '../src/tokens';
import { Answer, stage } from './kit';

function version(number: number, more: object = {}): ITableVersion {
  return {
    table: 'a.b',
    snapshot_id: String(number),
    run_id: `r${number}`,
    job_name: 'daily',
    notebook_sha256: null,
    parameters: null,
    rows: 1,
    total_rows: number,
    operation: 'replace',
    user: 'ada',
    committed_at: `2026-03-0${number}T06:00:00Z`,
    current: false,
    slice: {},
    keys: [],
    checks: [],
    reason: null,
    undo_of: null,
    pinned: false,
    expired: false,
    ...more
  };
}

const PAGE = {
  items: [
    version(3, { current: true }),
    version(2, { pinned: true }),
    version(1, { expired: true })
  ],
  next_cursor: null
};
const FACTS = {
  null_rate: 0,
  distinct: 1,
  least: 1,
  most: 2,
  mean: 1.5
};
const DIFF = {
  schema: [{ name: 'late', change: 'added', before: null, after: 'bigint' }],
  rows_before: 2,
  rows_after: 3,
  keys: ['k'],
  compared: ['k', 'v'],
  added: 1,
  removed: 0,
  changed: 1,
  columns: [{ name: 'v', type: 'bigint', before: FACTS, after: FACTS }],
  sample: [
    { change: 'added', before: null, after: [3, 1], times: 1 },
    { change: 'changed', before: [2, 1], after: [2, null], times: 1 }
  ],
  truncated: false
};

function table(more: Record<string, () => Answer> = {}) {
  return stage({
    'GET tables/a.b/versions': () => [200, PAGE],
    'GET tables/a.b/preview': () => [200, { columns: [], rows: [] }],
    'GET tables/a.b/diff': () => [200, DIFF],
    ...more
  });
}

test('versions stand on a line, the newest last, and are walked by keys', async () => {
  const { show } = table();
  show(<TablePage name="a.b" />);
  const line = await screen.findByRole('listbox');
  const bars = within(line).getAllByRole('option');
  expect(bars.map(bar => bar.dataset.version)).toEqual(['1', '2', '3']);
  expect(bars.map(bar => bar.tabIndex)).toEqual([-1, -1, 0]);
  expect(bars[1].getAttribute('aria-label')).toContain('pinned');
  bars[2].focus();
  fireEvent.keyDown(bars[2], { key: 'ArrowLeft' });
  expect(document.activeElement).toBe(bars[1]);
  fireEvent.keyDown(bars[1], { key: 'Enter' });
  expect(bars[1].getAttribute('aria-selected')).toBe('true');
  expect(screen.getByText(/FOR VERSION AS OF 2/)).toBeTruthy();
});

test('two picked versions are compared, the older one first', async () => {
  const { show, sent } = table();
  show(<TablePage name="a.b" />);
  const line = await screen.findByRole('listbox');
  const bars = within(line).getAllByRole('option');
  fireEvent.keyDown(bars[1], { key: ' ', shiftKey: true });
  expect(await screen.findByText(/1 added, 0 removed, 1 changed/)).toBeTruthy();
  expect(screen.getByText(/late/)).toBeTruthy();
  const rows = screen.getByRole('table', { name: 'Rows that differ' });
  expect(within(rows).getByText('changed', { exact: false })).toBeTruthy();
  expect(sent.filter(each => each.what === 'GET tables/a.b/diff')).toHaveLength(
    1
  );
  fireEvent.click(screen.getByText('Stop comparing'));
  expect(screen.queryByText(/1 added/)).toBeNull();
});

test('an expired version says that only its line is left', async () => {
  const { show } = table();
  show(<TablePage name="a.b" />);
  const line = await screen.findByRole('listbox');
  fireEvent.click(within(line).getAllByRole('option')[0]);
  expect(screen.getByText(/This version has expired/)).toBeTruthy();
  expect(screen.queryByText('Roll back to this…')).toBeNull();
});

test('a comparison that is refused says why, and can be tried again', async () => {
  const { show } = table({
    'GET tables/a.b/diff': () => [
      409,
      { title: 'It took longer than 300 s.', code: 'refused' }
    ]
  });
  show(<TablePage name="a.b" />);
  fireEvent.click(await screen.findByText('Compare with the one before'));
  expect(await screen.findByText('It took longer than 300 s.')).toBeTruthy();
  expect(screen.getByText('Try again')).toBeTruthy();
});

test('a roll back is tied to the plan that was shown', async () => {
  const plan = { table: 'a.b', undoes: [version(3)], count: 1 };
  const { show, sent, said } = table({
    'POST tables/a.b:plan-rollback': () => [200, plan],
    'POST tables/a.b:rollback': () => [
      412,
      { title: 'a.b is at version 4 by now.', code: 'stale_write' }
    ]
  });
  show(<TablePage name="a.b" />);
  const line = await screen.findByRole('listbox');
  fireEvent.click(within(line).getAllByRole('option')[1]);
  fireEvent.click(screen.getByText('Roll back to this…'));
  await vi.waitFor(() => expect(said).toEqual(['a.b is at version 4 by now.']));
  expect(sent.some(each => each.what === 'POST tables/a.b:rollback')).toBe(
    true
  );
});

test('undoing a run says what stands in the way, and forces it only when asked', async () => {
  const part = {
    table: 'a.b',
    does: 'Puts 1 row back.',
    later: [version(3)],
    problem: null,
    done: null
  };
  const { show, sent, said } = stage({
    'POST runs/r2:plan-undo': () => [200, { parts: [part] }],
    'POST runs/r2:undo': () => [200, { versions: [] }]
  });
  show(<VersionsOfRun run="r2" versions={[version(2)]} />);
  fireEvent.click(screen.getByText('Undo this run…'));
  await vi.waitFor(() =>
    expect(said).toEqual(['What the run published is undone.'])
  );
  const undo = sent.find(each => each.what === 'POST runs/r2:undo');
  expect(undo?.body).toBe('{"force":true,"reason":null}');
});
