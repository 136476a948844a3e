import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';
import { expect, test } from 'vitest';

import { RerunForm } from '../src/components/RerunForm';
import { POLICIES } from '../src/logic/policies';
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
const FIRES: Answer = [200, { fires: [], description: '' }];

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
  const job = `{"job":{"id":"j","version":1,"spec":{"name":"f","notebook":"/n/f.ipynb","source":"tracking","kernel":null,"parameters":{"since":${BIG}},"triggers":[],"policies":${JSON.stringify(POLICIES)},"notifications":[],"description":""}}}`;
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

/** The edit of a job with these triggers. */
function edit(triggers: object[], more: object = {}) {
  const spec = {
    ...{ name: 'f', notebook: '/n/f.ipynb', source: 'tracking', kernel: null },
    ...{ parameters: {}, triggers, policies: POLICIES, notifications: [] },
    ...{ description: '', ...more }
  };
  const lab = stage({
    'GET jobs/j': () => [200, { job: { id: 'j', version: 1, spec } }],
    'POST notebooks:inspect': () => notebook(SHARE),
    'POST triggers:preview': () => FIRES,
    'PUT jobs/j': () => [200, { spec: { name: 'f' } }]
  });
  lab.show(<EditForm job="j" />);
  const saved = async () => {
    await userEvent.click(screen.getByRole('button', { name: 'Save' }));
    return waitFor(() => {
      const put = lab.sent.find(({ what }) => what === 'PUT jobs/j');
      expect(put).toBeTruthy();
      return JSON.parse(put!.body);
    });
  };
  return { ...lab, saved };
}

test('an edit keeps what nobody touched', async () => {
  const triggers = [
    {
      id: 'm',
      kind: 'calendar',
      calendar_every: 2,
      calendar_unit: 'month',
      anchor: '2026-11-30T06:00:00Z',
      time_zone: 'UTC',
      start: '2026-12-01T00:00:00Z',
      exclude_weekdays: ['sat'],
      parameters: { share: 0.25 }
    }
  ];
  const policies = { ...POLICIES, retries: 1, overlap: 'latest_only' };
  const notifications = [{ on: ['failed'], email: ['a@b.example'] }];
  const { saved } = edit(triggers, { policies, notifications });
  await userEvent.type(await screen.findByLabelText('Name'), 'g');
  expect(screen.getByLabelText<HTMLInputElement>('First run').value).toBe(
    '2026-11-30T06:00'
  );
  expect(await saved()).toMatchObject({
    name: 'fg',
    triggers,
    policies,
    notifications
  });
});

const DAILY = { id: 'a', kind: 'cron', cron: '0 6 * * *', time_zone: 'UTC' };
const NOON = { id: 'b', kind: 'cron', cron: '0 12 * * *', time_zone: 'UTC' };

test('several times are lines that open, and each has values of its own', async () => {
  const { saved } = edit([DAILY, NOON]);
  await screen.findByText(/every day at 06:00/);
  expect(screen.queryByLabelText('When')).toBeNull();
  await userEvent.click(screen.getByText(/every day at 12:00/));
  await userEvent.click(await screen.findByText('More'));
  await userEvent.click(screen.getByLabelText('Su'));
  const date = screen.getByLabelText('Not on these dates');
  await userEvent.type(date, '2026-12-25');
  await userEvent.click(screen.getByRole('button', { name: 'Add' }));
  await userEvent.selectOptions(
    screen.getByLabelText('Set a parameter'),
    'share'
  );
  const own = within(screen.getByRole('group', { name: 'Own parameters' }));
  await userEvent.clear(own.getByLabelText('share'));
  await userEvent.type(own.getByLabelText('share'), '0.75');
  await userEvent.type(
    screen.getByLabelText('Begin up to so much later'),
    '90'
  );
  expect((await saved()).triggers).toMatchObject([
    DAILY,
    {
      ...NOON,
      exclude_weekdays: ['sun'],
      exclude_dates: ['2026-12-25'],
      jitter_seconds: 90,
      parameters: { share: 0.75 }
    }
  ]);
});

test('a time that was added is open and has the focus; one that is removed is gone', async () => {
  const { saved } = edit([DAILY]);
  await userEvent.click(
    await screen.findByRole('button', { name: '+ another time' })
  );
  const when = screen.getByLabelText('When');
  expect(document.activeElement).toBe(when);
  await userEvent.selectOptions(when, 'Once');
  await userEvent.click(screen.getByText(/every day at 06:00/));
  const removals = () =>
    screen.getAllByRole('button', { name: 'Remove this time' });
  await waitFor(() => expect(removals()).toHaveLength(2));
  await userEvent.click(removals()[0]);
  expect((await saved()).triggers).toMatchObject([{ id: 't2', kind: 'once' }]);
});

test('what stands on the clock stays when the zone changes', async () => {
  const once = { id: 'o', kind: 'once', time_zone: 'UTC' };
  const { saved } = edit([{ ...once, at: '2030-07-01T06:00:00Z' }]);
  const zone = await screen.findByLabelText('Time zone');
  await userEvent.clear(zone);
  await userEvent.type(zone, 'Europe/Berlin');
  expect(screen.getByLabelText<HTMLInputElement>('On').value).toBe(
    '2030-07-01T06:00'
  );
  expect((await saved()).triggers[0].at).toBe('2030-07-01T04:00:00Z');
});

test('a fault of a time that is closed opens it', async () => {
  create({
    'POST jobs': () => [
      422,
      { title: 'It is no date.', field: 'triggers.0.exclude_dates.1' }
    ]
  });
  await userEvent.click(
    await screen.findByRole('button', { name: '+ another time' })
  );
  await userEvent.click(save());
  const said = await screen.findByText('It is no date.');
  expect(said.closest('.jp-orch-fold')).toBeTruthy();
  expect(save().disabled).toBe(true);
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
