import { fireEvent, screen, within } from '@testing-library/react';
import * as React from 'react';
import { describe, expect, it, vi } from 'vitest';

import { ErrorCell } from '../src/components/ErrorCell';
import { RunsPage } from '../src/components/RunsPage';
import { folded } from '../src/logic/frames';
import type { IFrame, IRunDetail } from '../src/tokens';
import { stage } from './kit';

const frames: IFrame[] = [
  { kind: 'library', text: 'File pandas/index.pyx:1' },
  { kind: 'words', text: "KeyError: 'JFK'" },
  { kind: 'cell', text: 'Cell In[3], line 2\n----> 2 pick(origin)' },
  { kind: 'module', text: 'File ~/helpers.py:12, in pick(origin)' },
  { kind: 'library', text: 'File /x/site-packages/pandas/a.py:1, in a()' },
  { kind: 'library', text: 'File /x/site-packages/pandas/b.py:1, in b()' },
  { kind: 'words', text: "KeyError: 'JFK'" }
];

function detail(more: Partial<IRunDetail> = {}): IRunDetail {
  const made = {
    run: {
      id: 'r2',
      job_id: 'j1',
      job_name: 'flights',
      state: 'failed',
      reason: 'user_error',
      attempt: 1,
      parameters: { origin: 'JFK' },
      error: {
        name: 'KeyError',
        message: "'JFK'",
        cell_index: 6,
        traceback: 'raw',
        cell_source: 'rows = 1\npick(origin)'
      }
    },
    job: null,
    attempts: [],
    versions: [],
    queries: ['q1', 'q2', 'q3', 'q4', 'q5'],
    schema: { properties: { origin: {}, minimum: { default: 15 } } },
    failure: {
      frames,
      error_line: 2,
      history: {
        fingerprint: 'f00d',
        count: 40,
        first_at: '2026-11-01T06:00:00Z',
        recent_same: 12,
        recent: 20,
        last_success: { run_id: 'r1', ended_at: '2026-10-31T06:00:00Z' }
      }
    },
    ...more
  };
  return made as unknown as IRunDetail;
}

function shown(of: IRunDetail) {
  const made = stage({
    'GET runs/r2/log': () => [
      200,
      {
        lines: Array.from({ length: 20 }, (_, n) => ({
          time: '2026-11-01T06:00:00Z',
          event: `event.${n}`,
          traceback: 'once is enough'
        })),
        truncated: false
      }
    ]
  });
  const onTab = vi.fn();
  made.show(
    <main>
      <ErrorCell detail={of} onShow={() => undefined} onTab={onTab} />
    </main>
  );
  const region = screen.getByRole('region', { name: 'What went wrong' });
  return { ...made, onTab, region };
}

describe('the error of a failed run', () => {
  it('shows the cell with the line that raised', () => {
    const { region } = shown(detail());
    expect(region.textContent).toContain('cell 7 failed');
    const source = screen.getByRole('list', { name: 'Source of the cell' });
    const lines = within(source).getAllByRole('listitem');
    expect(lines.map(line => line.hasAttribute('data-marked'))).toEqual([
      false,
      true
    ]);
    expect(lines[1].textContent).toContain('pick(origin)');
    expect(lines[1].textContent).toContain('(this line raised the error)');
  });

  it('folds the frames of libraries', () => {
    const { region } = shown(detail());
    expect(region.textContent).toContain(
      '2 frames of yours, 3 of libraries folded'
    );
    expect(screen.getByText('1 frame of libraries')).toBeTruthy();
    const fold = screen.getByText('2 frames of libraries').parentElement;
    expect(fold?.hasAttribute('open')).toBe(false);
    expect(fold?.textContent).toContain('b.py');
  });

  it('keeps the frames in their order', () => {
    expect(folded(frames).map(part => part.frames.length)).toEqual([
      1, 3, 2, 1
    ]);
    expect(folded(frames).flatMap(part => part.frames)).toEqual(frames);
    expect(folded([])).toEqual([]);
  });

  it('shows values, defaults too, and the last queries', () => {
    const { region, onTab } = shown(detail());
    expect(region.textContent).toContain('origin = JFK');
    expect(region.textContent).toContain('minimum = 15');
    expect(region.textContent).not.toContain('q1');
    expect(screen.getByTitle('Copy the id q5')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Show all 5' }));
    expect(onTab).toHaveBeenCalledWith('queries');
  });

  it('opens the runs that failed in the same way', () => {
    const { region, opened, orch } = shown(detail());
    expect(region.textContent).toContain('12 of the last 20 runs, 40 since');
    fireEvent.click(screen.getByRole('button', { name: 'Show all' }));
    expect(opened).toEqual(['runs ']);
    expect(orch.runs.value.alike).toEqual({
      fingerprint: 'f00d',
      job: 'j1',
      name: 'flights'
    });
    fireEvent.click(screen.getByRole('button', { name: 'Show that run' }));
    expect(opened).toEqual(['runs ', 'run r1']);
  });

  it('asks for the log when its end is wanted', async () => {
    const { sent, onTab } = shown(detail());
    expect(sent).toEqual([]);
    fireEvent.click(screen.getByText('The end of the log'));
    const log = await screen.findByRole('log');
    expect(log.textContent).toContain('event.19');
    expect(log.textContent).not.toContain('event.4');
    expect(log.textContent).not.toContain('once is enough');
    fireEvent.click(screen.getByRole('button', { name: 'Show the whole log' }));
    expect(onTab).toHaveBeenCalledWith('log');
  });

  it('makes do with what earlier code stored and says', () => {
    const old = detail({ failure: undefined, queries: [], schema: {} });
    delete old.run.error!.cell_source;
    old.run.parameters = {};
    const { region } = shown(old);
    expect(region.textContent).toContain("KeyError: 'JFK'");
    expect(screen.getByText('raw')).toBeTruthy();
    expect(screen.queryByText('Parameters')).toBeNull();
    expect(screen.queryByText('The same failure')).toBeNull();
  });
});

describe('the page of runs', () => {
  it('shows those that failed in the same way until it is told otherwise', async () => {
    const queries: string[] = [];
    const { orch, show } = stage({
      'GET runs?job=j1&fingerprint=f00d&limit=50': () => {
        queries.push('alike');
        return [200, { items: [], next_cursor: null }];
      },
      'GET runs?limit=50': () => {
        queries.push('all');
        return [200, { items: [], next_cursor: null }];
      }
    });
    const alike = { fingerprint: 'f00d', job: 'j1', name: 'flights' };
    orch.runs.set({ state: '', search: '', alike });
    show(<RunsPage />);
    await screen.findByText('No run is like this.');
    expect(
      screen.getByText(/Runs of flights that failed in the same way/)
    ).toBeTruthy();
    fireEvent.click(
      screen.getAllByRole('button', { name: 'Show all runs' })[0]
    );
    await screen.findByText(/Each run of a notebook shows up here/);
    expect(queries).toEqual(['alike', 'all']);
  });
});
