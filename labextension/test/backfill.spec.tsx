import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';
import { expect, test } from 'vitest';

import { BackfillForm } from '../src/components/BackfillForm';
import { Backfills } from '../src/components/Backfills';
import { progress } from '../src/logic/backfill';
import { POLICIES } from '../src/logic/policies';
import type { IBackfill, IBackfillPlan, IJob } from '../src/tokens';
import { Answer, stage } from './kit';

const TRIGGER = {
  ...{ id: 'daily', kind: 'cron', cron: '0 6 * * *' },
  ...{ time_zone: 'America/New_York', parameters: {} }
};

const JOB = {
  id: 'j',
  spec: { name: 'flights', triggers: [TRIGGER], policies: POLICIES }
} as unknown as IJob;

const PLAN: IBackfillPlan = {
  trigger: 'daily',
  first: '2026-10-31T10:00:00Z',
  last: '2026-11-01T11:00:00Z',
  intervals: 4,
  missing: 1,
  failed: 1,
  done: 2,
  running: 0,
  runs: 2,
  next: [
    {
      at: '2026-10-31T10:00:00Z',
      interval_start: '2026-10-30T10:00:00Z',
      standing: 'missing'
    }
  ],
  future_left_out: false,
  needs_confirm: false
};

const BACKFILL = {
  id: 'b',
  job_id: 'j',
  trigger: TRIGGER,
  first: PLAN.first,
  last: PLAN.last,
  parameters: {},
  state: 'running',
  error: null,
  planned: 10,
  counts: { succeeded: 3, failed: 1, running: 1 },
  created_by: 'ann',
  created_at: '2026-11-01T12:00:00Z'
} as unknown as IBackfill;

function form(answers: Record<string, () => Answer> = {}, job = JOB) {
  const begun: string[] = [];
  const lab = stage({
    'GET jobs/j/schema': () => [
      200,
      { properties: { share: { type: 'number', default: 0.5 } } }
    ],
    'POST backfills:plan': () => [200, PLAN],
    'POST backfills': () => [201, BACKFILL],
    ...answers
  });
  lab.show(
    <BackfillForm
      job={job}
      onClose={() => begun.push('closed')}
      onBegun={() => begun.push('begun')}
    />
  );
  const bodies = (what: string) =>
    lab.sent.filter(one => one.what === what).map(one => JSON.parse(one.body));
  return { ...lab, begun, bodies };
}

async function days(first: string, last: string) {
  await userEvent.type(screen.getByLabelText('First day'), first);
  await userEvent.type(screen.getByLabelText('Last day'), last);
}

test('whole days of the zone are planned as they are picked, then begun as they were planned', async () => {
  const { begun, bodies } = form();
  const start = () =>
    screen.getByRole<HTMLButtonElement>('button', { name: /^Start/ });
  expect(start().disabled).toBe(true);
  await days('2026-10-31', '2026-11-01');
  await screen.findByText(/Makes 2 runs of 4 intervals/);
  const counts = within(screen.getByRole('list', { name: 'Intervals' }));
  expect(counts.getAllByRole('listitem').map(li => li.textContent)).toEqual([
    '○1 missing',
    '✕1 failed',
    '✓2 done'
  ]);
  await userEvent.click(screen.getByText('More'));
  await userEvent.selectOptions(
    screen.getByLabelText('Set a parameter'),
    'share'
  );
  await userEvent.click(screen.getByLabelText('the latest interval first'));
  await waitFor(() => expect(start().disabled).toBe(false));
  expect(start().textContent).toBe('Start 2 runs');
  await userEvent.click(start());
  await waitFor(() => expect(begun).toEqual(['begun']));
  expect(bodies('POST backfills')).toEqual([
    {
      job: 'j',
      trigger: 'daily',
      first: '2026-10-31T04:00:00Z',
      last: '2026-11-02T04:59:59.999999Z',
      only: 'missing_or_failed',
      newest_first: true,
      concurrency: 1,
      priority: -10,
      parameters: { share: 0.5 },
      latest_notebook: false,
      confirm: false
    }
  ]);
});

test('a large one wants a second look', async () => {
  const { bodies } = form({
    'POST backfills:plan': () => [
      200,
      { ...PLAN, intervals: 200_000, runs: 150_000, needs_confirm: true }
    ]
  });
  await days('2020-01-01', '2026-01-01');
  const sure = await screen.findByLabelText(
    'Yes, 200,000 intervals and 150,000 runs are meant'
  );
  const start = screen.getByRole<HTMLButtonElement>('button', {
    name: /^Start/
  });
  expect(start.disabled).toBe(true);
  await userEvent.click(sure);
  await userEvent.click(start);
  await waitFor(() =>
    expect(bodies('POST backfills')).toMatchObject([{ confirm: true }])
  );
});

test('what is wrong stands at its field, before anything is asked where it can', async () => {
  const { bodies } = form({
    'POST backfills:plan': () => [
      422,
      { title: 'It starts before the trigger does.', field: 'first' }
    ]
  });
  await days('2026-01-02', '2026-01-01');
  expect(screen.getByRole('alert').textContent).toMatch(/ends before/);
  expect(bodies('POST backfills:plan')).toEqual([]);
  await userEvent.clear(screen.getByLabelText('Last day'));
  await userEvent.type(screen.getByLabelText('Last day'), '2026-01-03');
  await screen.findByText('It starts before the trigger does.');
  expect(screen.getByLabelText('First day').getAttribute('aria-invalid')).toBe(
    'true'
  );
});

test('one of several times is chosen, to the minute if wanted', async () => {
  const other = { ...TRIGGER, id: 'noon', cron: '0 12 * * *' };
  const job = {
    ...JOB,
    spec: { ...JOB.spec, triggers: [TRIGGER, other] }
  } as IJob;
  const { bodies } = form({}, job);
  await userEvent.selectOptions(screen.getByLabelText('Of which time'), 'noon');
  await userEvent.click(screen.getByLabelText(/to the minute/));
  await userEvent.type(screen.getByLabelText('From'), '2026-07-01T06:30');
  await userEvent.type(screen.getByLabelText('To'), '2026-07-02T06:30');
  await waitFor(() =>
    expect(bodies('POST backfills:plan').pop()).toMatchObject({
      trigger: 'noon',
      first: '2026-07-01T10:30:00Z',
      last: '2026-07-02T10:30:00Z'
    })
  );
});

test('a running backfill shows how far it is, its runs, and is cancelled as one', async () => {
  let state = 'running';
  const lab = stage({
    'GET backfills': () => [
      200,
      { items: [{ ...BACKFILL, state }], next_cursor: null }
    ],
    'GET runs': () => [200, { items: [], next_cursor: null }],
    'POST backfills/b:cancel': () => {
      state = 'cancelled';
      return [200, { ...BACKFILL, state }];
    }
  });
  lab.show(<Backfills job="j" />);
  expect(await screen.findByText('4 of 10 runs')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Show the runs' }));
  await screen.findByText('No run was made yet.');
  await userEvent.click(
    screen.getByRole('button', { name: 'Cancel the backfill' })
  );
  await screen.findByText('cancelled');
  expect(
    screen.queryByRole('button', { name: 'Cancel the backfill' })
  ).toBeNull();
});

test('without a backfill the list says what one is for', async () => {
  const lab = stage({
    'GET backfills': () => [200, { items: [], next_cursor: null }]
  });
  let wanted = 0;
  lab.show(<Backfills job="j" onNew={() => (wanted += 1)} />);
  await screen.findByText(/A backfill runs past intervals/);
  await userEvent.click(screen.getByRole('button', { name: 'Backfill…' }));
  expect(wanted).toBe(1);
});

test('what has ended has no more to do than was made', () => {
  expect(progress(BACKFILL)).toEqual({ done: 4, of: 10 });
  expect(
    progress({ ...BACKFILL, state: 'succeeded', counts: { succeeded: 7 } })
  ).toEqual({ done: 7, of: 7 });
});
