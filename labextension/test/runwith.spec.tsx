import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';
import { expect, test } from 'vitest';

import { RunWith } from '../src/components/RunWith';
import { written } from '../src/logic/time';
import type { IJob } from '../src/tokens';
import { Answer, stage } from './kit';

const INTERVAL = {
  trigger: 'daily',
  time_zone: 'Asia/Tokyo',
  interval_start: '2026-10-31T21:00:00Z',
  interval_end: '2026-11-01T21:00:00Z',
  parameters: { day: '2026-11-01' }
};

/** The opened form of a job with these triggers. */
async function open(
  triggers: string[],
  answers: Record<string, () => Answer> = {}
) {
  const made = stage({
    'GET jobs/j/interval': () => [200, INTERVAL],
    'POST jobs/j:run': () => [201, { id: 'r' }],
    ...answers
  });
  const spec = { name: 'report', triggers: triggers.map(id => ({ id })) };
  made.show(<RunWith job={{ id: 'j', spec } as IJob} />);
  await userEvent.click(screen.getByRole('button', { name: 'Run with…' }));
  await screen.findByText('2026-11-01');
  return made;
}

const box = (label: string) => screen.getByLabelText<HTMLInputElement>(label);

test('an instant is written as the clock of its zone shows it', () => {
  const at = INTERVAL.interval_start;
  expect(written(at, 'Asia/Tokyo')).toBe('2026-11-01T06:00:00+09:00');
  expect(written(at, 'America/New_York')).toBe('2026-10-31T17:00:00-04:00');
  expect(written(at, 'UTC')).toMatch(/^2026-10-31T21:00:00(Z|\+00:00)$/);
});

test('the last complete interval is shown, and taken as it is', async () => {
  const { sent, opened } = await open(['daily']);
  expect(box('Start of the interval').value).toBe('2026-11-01T06:00:00+09:00');
  expect(box('End, not included').value).toBe('2026-11-02T06:00:00+09:00');
  expect(screen.queryByLabelText('Trigger')).toBeNull();
  await userEvent.click(screen.getByRole('button', { name: 'Run' }));
  await waitFor(() => expect(opened).toEqual(['run r']));
  expect(sent.find(one => one.what === 'POST jobs/j:run')?.body).toBe('{}');
});

test('another interval is typed, and both of its ends are sent', async () => {
  const { sent } = await open(['daily']);
  const start = box('Start of the interval');
  await userEvent.clear(start);
  await userEvent.type(start, '2026-10-30T06:00:00+09:00');
  await userEvent.click(screen.getByRole('button', { name: 'Run' }));
  await waitFor(() => expect(sent.at(-1)?.what).toBe('POST jobs/j:run'));
  expect(JSON.parse(sent.at(-1)!.body)).toEqual({
    interval_start: '2026-10-30T06:00:00+09:00',
    interval_end: '2026-11-02T06:00:00+09:00'
  });
});

test('another trigger brings its own interval', async () => {
  await open(['daily', 'hourly'], {
    'GET jobs/j/interval?trigger=hourly': () => [
      200,
      { ...INTERVAL, trigger: 'hourly', parameters: { day: '2026-11-02' } }
    ]
  });
  await userEvent.selectOptions(box('Trigger'), 'hourly');
  expect(await screen.findByText('2026-11-02')).toBeTruthy();
});

test('what is no interval is told at its field', async () => {
  const title = 'The interval ends before it has started.';
  await open(['daily'], {
    'POST jobs/j:run': () => [422, { title, field: 'interval_end' }]
  });
  await userEvent.click(screen.getByRole('button', { name: 'Run' }));
  expect((await screen.findByRole('alert')).textContent).toBe(title);
  expect(box('End, not included').getAttribute('aria-invalid')).toBe('true');
});
