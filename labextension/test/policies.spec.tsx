import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';
import { expect, test } from 'vitest';

import { NotificationFields } from '../src/components/NotificationFields';
import { PolicyFields } from '../src/components/PolicyFields';
import { PoolsPage } from '../src/components/PoolsPage';
import { overlapSentences, POLICIES, policyLine } from '../src/logic/policies';
import type { INotification, IPolicies } from '../src/tokens';
import { Answer, stage } from './kit';

const DEFAULT = { name: 'default', slots: null, used: 0, queued: 0 };

/** A server that keeps pools. */
function pools(...more: object[]) {
  const items: object[] = [DEFAULT, ...more];
  return {
    'GET pools': (): Answer => [200, { items }],
    'PUT pools/trino': (): Answer => {
      const made = { name: 'trino', slots: 3, used: 0, queued: 0 };
      items.push(made);
      return [200, made];
    },
    'DELETE pools/trino': (): Answer => {
      items.length = 1;
      return [204, ''];
    }
  };
}

/** The policies of a job, as its form keeps them. */
async function policies(start: Partial<IPolicies> = {}) {
  const lab = stage(pools());
  const now = { value: { ...POLICIES, ...start } };
  function Owner() {
    const [value, setValue] = React.useState(now.value);
    now.value = value;
    return (
      <PolicyFields policies={value} onChange={setValue} faultOf={() => null} />
    );
  }
  lab.show(<Owner />);
  await userEvent.click(screen.getByText('Policies'));
  await waitFor(() => lab.sent.some(({ what }) => what === 'GET pools'));
  return { ...lab, now };
}

test('the choice for overlap says what it does, and its number goes with it', async () => {
  const { now } = await policies();
  const overlap = screen.getByLabelText('When the run before still runs');
  for (const [value, sentence] of Object.entries(overlapSentences())) {
    await userEvent.selectOptions(overlap, value);
    expect(screen.getByText(sentence)).toBeTruthy();
  }
  await userEvent.type(screen.getByLabelText('Runs at a time'), '3');
  expect(now.value).toMatchObject({ overlap: 'parallel', max_parallel: 3 });
  await userEvent.selectOptions(overlap, 'skip');
  expect(now.value).toMatchObject({ overlap: 'skip', max_parallel: null });
});

test('times are typed in the unit that suits them, and keep it', async () => {
  const { now } = await policies({ timeout_seconds: 7200 });
  const limit = screen.getByLabelText<HTMLInputElement>('Of a run');
  expect(limit.value).toBe('2');
  await userEvent.clear(limit);
  expect(now.value.timeout_seconds).toBeNull();
  await userEvent.type(limit, '0.5');
  expect(limit.value).toBe('0.5');
  expect(now.value.timeout_seconds).toBe(1800);
  await userEvent.type(screen.getByLabelText('Late after'), '90');
  expect(now.value.late_after_seconds).toBe(90);
});

test('what retries need shows with the first retry, and one class must stay', async () => {
  const { now } = await policies();
  expect(screen.queryByLabelText('Longest wait')).toBeNull();
  const retries = screen.getByLabelText('Retries');
  await userEvent.clear(retries);
  expect(screen.getByText('A number is needed.')).toBeTruthy();
  await userEvent.type(retries, '2');
  for (const box of screen.getAllByRole('checkbox')) {
    await userEvent.click(box);
  }
  expect(now.value.retry_on).toEqual([]);
  expect(screen.getByRole('alert').textContent).toMatch(/At least one/);
  await userEvent.click(screen.getByLabelText('a lost worker'));
  expect(now.value.retry_on).toEqual(['lost_worker']);
});

test('a pool that is made in the form is chosen', async () => {
  const { now, sent } = await policies();
  await userEvent.click(screen.getByRole('button', { name: '+ another pool' }));
  const name = screen.getByLabelText('Name of the pool');
  expect(document.activeElement).toBe(name);
  await userEvent.type(name, 'default');
  expect(screen.getByRole('alert').textContent).toMatch(/of that name/);
  await userEvent.clear(name);
  await userEvent.type(name, 'trino');
  await userEvent.clear(screen.getByLabelText('Slots'));
  await userEvent.type(screen.getByLabelText('Slots'), '3{Enter}');
  await waitFor(() => expect(now.value.pool).toBe('trino'));
  const put = sent.find(({ what }) => what === 'PUT pools/trino');
  expect(put?.body).toBe('{"slots":3}');
  expect(document.activeElement).toBe(screen.getByLabelText('Pool'));
});

test('a pool that is gone is said at its field', async () => {
  await policies({ pool: 'old' });
  expect(
    await screen.findByText('There is no pool old any more.')
  ).toBeTruthy();
});

test('the policies are said in one line', () => {
  expect(policyLine(POLICIES)).toBe(
    'no retry · no time limit · wait for the run before · catch up: latest'
  );
  expect(
    policyLine({ ...POLICIES, pool: 'trino', priority: 5, timeout_seconds: 90 })
  ).toMatch(/stops after 90 seconds .* pool trino · priority 5$/);
});

test('who is told is typed, ticked and tried', async () => {
  const lab = stage({
    'GET channels': () => [200, { channels: ['ops'], email: true }],
    'POST channels:test': () => [204, '']
  });
  const now: { value: INotification[] } = { value: [] };
  function Owner() {
    const [value, setValue] = React.useState(now.value);
    now.value = value;
    return (
      <NotificationFields
        notifications={value}
        tolerant={false}
        faultOf={field =>
          field === '0.email' && value[0]?.email.includes('nobody')
            ? 'It is no address.'
            : null
        }
        onChange={setValue}
      />
    );
  }
  lab.show(<Owner />);
  expect(screen.getByText(/nobody is told/)).toBeTruthy();
  await userEvent.click(screen.getByText('Notifications'));
  await userEvent.click(
    screen.getByRole('button', { name: '+ tell somebody' })
  );
  expect(screen.getByText(/No run is ever late yet/)).toBeTruthy();
  await userEvent.click(screen.getByLabelText('a run is late'));
  const mail = screen.getByLabelText('E-mail addresses');
  await userEvent.type(mail, 'nobody');
  expect(screen.getByRole('alert').textContent).toBe('It is no address.');
  await userEvent.clear(mail);
  await userEvent.type(mail, 'ann@example.com, bob@example.com');
  await userEvent.click(await screen.findByLabelText('ops'));
  expect(now.value).toEqual([
    {
      on: ['failed', 'recovered'],
      email: ['ann@example.com', 'bob@example.com'],
      channels: ['ops']
    }
  ]);
  await userEvent.click(screen.getByRole('button', { name: 'Try it' }));
  await waitFor(() => expect(lab.said).toHaveLength(1));
  expect(lab.sent.find(({ what }) => what === 'POST channels:test')?.body).toBe(
    '{"target":"channel:ops"}'
  );
});

test('who is no longer told takes nobody else along', async () => {
  const lab = stage({
    'GET channels': () => [200, { channels: [], email: true }]
  });
  const told = (email: string): INotification => ({
    ...{ on: ['failed'], channels: [] },
    email: [email]
  });
  function Owner() {
    const [value, setValue] = React.useState([
      told('ann@example.com'),
      told('bob@example.com')
    ]);
    return (
      <NotificationFields
        notifications={value}
        tolerant
        faultOf={() => null}
        onChange={setValue}
      />
    );
  }
  lab.show(<Owner />);
  await userEvent.click(screen.getByText('Notifications'));
  const [first] = screen.getAllByRole('button', { name: 'Tell them no more' });
  await userEvent.click(first);
  expect(
    screen.getByLabelText<HTMLInputElement>('E-mail addresses').value
  ).toBe('bob@example.com');
});

test('pools are made, changed and deleted where they are listed', async () => {
  const busy = { name: 'slow', slots: 1, used: 1, queued: 7 };
  const lab = stage({
    ...pools(busy),
    'PUT pools/slow': () => [422, { title: 'Too many.', field: 'slots' }]
  });
  lab.show(<PoolsPage />);
  const row = await screen.findByRole('row', { name: /slow/ });
  expect(row.textContent).toMatch(/full/);
  expect(screen.queryByRole('button', { name: /Delete .*default/ })).toBeNull();
  await userEvent.click(
    screen.getByRole('button', { name: 'Change the slots of slow' })
  );
  await userEvent.click(screen.getByRole('button', { name: 'Change' }));
  expect((await screen.findByRole('alert')).textContent).toBe('Too many.');
  await userEvent.keyboard('{Escape}');
  await userEvent.click(screen.getByRole('button', { name: /New pool/ }));
  await userEvent.keyboard('trino');
  await userEvent.click(screen.getByRole('button', { name: 'Make the pool' }));
  await userEvent.click(
    await screen.findByRole('button', { name: 'Delete the pool trino' })
  );
  await waitFor(() => expect(screen.queryByText('trino')).toBeNull());
  await act(() => lab.client.cancelQueries());
});
