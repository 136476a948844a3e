import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';
import { expect, test } from 'vitest';

import { RerunForm } from '../src/components/RerunForm';
import { CreateForm, EditForm } from '../src/components/ScheduleForm';
import type { IRunDetail } from '../src/tokens';
import { Answer, stage } from './kit';

const BIG = '9007199254740993';

function notebook(properties: object): Answer {
  return [
    200,
    {
      path: '/n/flights.ipynb',
      name: 'flights',
      kernel: 'python3',
      kernels: [],
      schema: { type: 'object', properties, required: [] },
      hint: null,
      outputs: []
    }
  ];
}

const SHARE = { share: { type: 'number', default: 0.5 } };
const FIRES: Answer = [200, { fires: [] }];

/** The form on a notebook; `answers` win over a server that takes everything. */
function create(answers: Record<string, () => Answer> = {}) {
  const lab = stage({
    'POST notebooks:inspect': () => notebook(SHARE),
    'POST triggers:preview': () => FIRES,
    'POST jobs': () => [201, { spec: { name: 'flights' } }],
    ...answers
  });
  const shown = lab.show(<CreateForm notebook="flights.ipynb" />);
  return { ...lab, ...shown };
}

const save = () =>
  screen.getByRole<HTMLButtonElement>('button', { name: 'Schedule' });

test('after a refusal that no field can show, the same form can be sent again', async () => {
  let tries = 0;
  const refusals: Answer[] = [
    [503, { title: 'It is not running.', field: 'service' }],
    [422, { title: 'It is gone.', field: 'notebook' }],
    [422, { title: 'No such value.', field: 'triggers.0.parameters.x' }],
    [201, { spec: { name: 'flights' } }]
  ];
  const { orch, sent } = create({ 'POST jobs': () => refusals[tries++] });
  await userEvent.type(await screen.findByLabelText('Name'), '_2');
  for (const [, body] of refusals.slice(0, 3)) {
    await userEvent.click(save());
    const { title } = body as { title: string };
    expect(
      (await screen.findByText(title)).closest('[role=alert]')
    ).toBeTruthy();
    expect(save().disabled).toBe(false);
    expect(screen.getByLabelText<HTMLInputElement>('Name').value).toBe(
      'flights_2'
    );
  }
  orch.view.set({ mode: 'create', notebook: 'flights.ipynb' });
  await userEvent.click(save());
  await waitFor(() => expect(orch.view.value.mode).toBe('list'));
  expect(sent.filter(({ what }) => what === 'POST jobs')).toHaveLength(4);
});

test('a refusal goes away with the next change', async () => {
  create({ 'POST jobs': () => [500, { title: 'It broke.' }] });
  await screen.findByLabelText('Name');
  await userEvent.click(save());
  await screen.findByText('It broke.');
  await userEvent.type(screen.getByLabelText('Name'), 'x');
  expect(screen.queryByText('It broke.')).toBeNull();
});

test('what the server says of a field marks it, and holds the form back until it changes', async () => {
  create({
    'POST jobs': () => [409, { title: 'It is taken.', field: 'name' }]
  });
  await screen.findByLabelText('Name');
  await userEvent.click(save());
  await screen.findByText('It is taken.');
  expect(save().disabled).toBe(true);
  await userEvent.type(screen.getByLabelText('Name'), '_2');
  expect(save().disabled).toBe(false);
});

test('a service that is down can be started from the form', async () => {
  const { sent } = create({
    'POST jobs': () => [503, { title: 'It is not running.', field: 'service' }],
    'POST lab:start-service': () => [200, {}]
  });
  await screen.findByLabelText('Name');
  await userEvent.click(save());
  await userEvent.click(
    await screen.findByRole('button', { name: 'Start the service' })
  );
  await waitFor(() =>
    expect(sent.map(({ what }) => what)).toContain('POST lab:start-service')
  );
  expect(screen.getByLabelText('Name')).toBeTruthy();
});

test('the form reads the notebook anew, and what nobody touched follows it', async () => {
  let fallback = 0.5;
  const { show, unmount, client } = create({
    'POST notebooks:inspect': () =>
      notebook({
        share: { type: 'number', default: fallback },
        n: { type: 'integer', default: 1 }
      })
  });
  const n = await screen.findByLabelText<HTMLInputElement>('n');
  await userEvent.clear(n);
  await userEvent.type(n, '7');
  fallback = 0.75;
  await act(() => client.invalidateQueries({ queryKey: ['inspect'] }));
  const share = () => screen.getByLabelText<HTMLInputElement>('share').value;
  await waitFor(() => expect(share()).toBe('0.75'));
  expect(n.value).toBe('7');
  unmount();
  fallback = 0.9;
  show(<CreateForm notebook="flights.ipynb" />);
  expect(screen.queryByLabelText('share')).toBeNull();
  await screen.findByLabelText('share');
  expect(share()).toBe('0.9');
});

test('a form that is left by Esc comes back as it was, until one starts over', async () => {
  const { show, unmount, orch } = create();
  await userEvent.type(await screen.findByLabelText('Name'), '_2{Escape}');
  expect(orch.view.value.mode).toBe('list');
  unmount();
  show(<CreateForm notebook="flights.ipynb" />);
  const name = () => screen.getByLabelText<HTMLInputElement>('Name').value;
  await screen.findByText('Here is what you had typed before.');
  expect(name()).toBe('flights_2');
  await userEvent.click(screen.getByRole('button', { name: 'Start over' }));
  expect(name()).toBe('flights');
  expect(orch.drafts.size).toBe(0);
});

test('Esc in a picker is for the picker', async () => {
  const { orch } = create();
  orch.view.set({ mode: 'create', notebook: 'flights.ipynb' });
  await userEvent.type(await screen.findByLabelText('Time zone'), '{Escape}');
  expect(orch.view.value.mode).toBe('create');
});

test('half a time is marked, and is not midnight', async () => {
  create();
  const time = await screen.findByLabelText<HTMLInputElement>('At');
  await userEvent.clear(time);
  await screen.findByText('A time is needed.');
  expect(save().disabled).toBe(true);
  expect(time.value).toBe('');
});

test('an untouched integer of any length is saved with every digit', async () => {
  const job = `{"job":{"id":"j","version":1,"spec":{"name":"f","notebook":"/n/f.ipynb","source":"tracking","kernel":null,"parameters":{"since":${BIG}},"triggers":[],"policies":{},"description":""}}}`;
  const { sent, show } = stage({
    'GET jobs/j': () => [200, job],
    'POST notebooks:inspect': () =>
      notebook({ since: { type: 'integer', default: 1 } }),
    'PUT jobs/j': () => [200, { spec: { name: 'f' } }]
  });
  show(<EditForm job="j" />);
  const since = await screen.findByLabelText<HTMLInputElement>('since');
  expect(since.value).toBe(BIG);
  await userEvent.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() => {
    const put = sent.find(({ what }) => what === 'PUT jobs/j');
    expect(put?.body).toContain(`"parameters":{"since":${BIG}}`);
  });
});

test('an edit keeps what the form has no controls for', async () => {
  const triggers = [
    {
      id: 'm',
      kind: 'calendar',
      calendar_every: 2,
      calendar_unit: 'month',
      anchor: '2026-11-30T06:00:00Z',
      time_zone: 'UTC',
      exclude_weekdays: ['sat'],
      parameters: {}
    }
  ];
  const policies = { retries: 1, overlap: 'latest_only', pool: 'trino' };
  const notifications = [{ on: ['failed'], email: ['a@b.example'] }];
  const spec = {
    ...{ name: 'f', notebook: '/n/f.ipynb', source: 'tracking', kernel: null },
    ...{ parameters: {}, triggers, policies, notifications, description: '' }
  };
  const { sent, show } = stage({
    'GET jobs/j': () => [200, { job: { id: 'j', version: 1, spec } }],
    'POST notebooks:inspect': () => notebook(SHARE),
    'POST triggers:preview': () => FIRES,
    'PUT jobs/j': () => [200, { spec: { name: 'g' } }]
  });
  show(<EditForm job="j" />);
  expect(await screen.findByText(/every 2 months/)).toBeTruthy();
  expect(screen.queryByLabelText('Cron expression')).toBeNull();
  expect(
    screen.getByLabelText<HTMLSelectElement>('When the run before still runs')
      .value
  ).toBe('latest_only');
  await userEvent.type(screen.getByLabelText('Name'), 'g');
  await userEvent.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() => {
    const put = sent.find(({ what }) => what === 'PUT jobs/j');
    expect(JSON.parse(put?.body ?? '{}')).toMatchObject({
      name: 'fg',
      triggers,
      policies,
      notifications
    });
  });
});

test('a rerun sends what was changed, and takes the latest notebook’s parameters', async () => {
  const { sent, show, opened } = stage({
    'POST notebooks:inspect': () =>
      notebook({ ...SHARE, added: { type: 'integer', default: 3 } }),
    'POST runs/r:rerun': () => [201, { id: 'r2' }]
  });
  const detail = {
    run: {
      id: 'r',
      job_name: 'flights',
      notebook: '/n/flights.ipynb',
      parameters: { share: 0.25, dropped: 'x' }
    },
    schema: {
      properties: { ...SHARE, dropped: { type: 'string', default: 'x' } }
    }
  } as unknown as IRunDetail;
  show(<RerunForm detail={detail} onClose={() => undefined} />);
  expect(screen.getByLabelText('dropped')).toBeTruthy();
  await userEvent.click(screen.getByRole('checkbox', { name: /latest/ }));
  const added = await screen.findByLabelText('added');
  expect(screen.queryByLabelText('dropped')).toBeNull();
  expect(screen.getByLabelText<HTMLInputElement>('share').value).toBe('0.25');
  await userEvent.clear(added);
  await userEvent.type(added, '4');
  await userEvent.click(screen.getByRole('button', { name: 'Rerun' }));
  await waitFor(() => expect(opened).toEqual(['run r2']));
  const { body } = sent.find(({ what }) => what === 'POST runs/r:rerun')!;
  expect(JSON.parse(body)).toEqual({
    parameters: { added: 4 },
    latest_notebook: true
  });
});
