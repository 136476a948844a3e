import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';
import { expect, test } from 'vitest';

import { ParameterFields } from '../src/components/ParameterFields';
import { fieldsOf, startValues } from '../src/logic/parameters';
import type { ISchema, Json, Values } from '../src/tokens';

/** The form of one parameter `p`, as its owner keeps it; answers how to read its value. */
function show(schema: ISchema, required = false) {
  const fields = fieldsOf({
    properties: { p: schema },
    required: required ? ['p'] : []
  });
  const now: { values: Values; set: (value: Json) => void } = {
    values: startValues(fields, {}),
    set: () => undefined
  };
  function Owner() {
    const [values, setValues] = React.useState(now.values);
    now.values = values;
    const change = (value: Json | undefined) =>
      setValues(value === undefined ? {} : { p: value });
    now.set = change;
    return (
      <ParameterFields
        fields={fields}
        values={values}
        base={startValues(fields, {})}
        baseWord="default"
        onChange={(_, value) => change(value)}
      />
    );
  }
  render(<Owner />);
  return now;
}

test.each(['0.05', '1.05', '-0.5', '10.005', '0.0', '1e-3'])(
  'the number %s is stored as it is typed, key by key',
  async typed => {
    const now = show({ type: 'number', default: 0.5 });
    const box = screen.getByLabelText<HTMLInputElement>('p');
    await userEvent.clear(box);
    await userEvent.type(box, typed);
    expect(box.value).toBe(typed);
    expect(now.values.p).toBe(Number(typed));
    expect(screen.queryByRole('alert')).toBeNull();
  }
);

test('a value from elsewhere replaces what was typed', async () => {
  const now = show({ type: 'number', default: 0.5 });
  const box = screen.getByLabelText<HTMLInputElement>('p');
  await userEvent.clear(box);
  expect(screen.getByRole('alert').textContent).toMatch(/number/);
  await userEvent.click(screen.getByRole('button', { name: 'default 0.5 ↺' }));
  expect(box.value).toBe('0.5');
  expect(now.values.p).toBe(0.5);
});

test('JSON keeps its text while it is typed', async () => {
  const now = show({ type: 'object', default: { a: 1 } });
  const box = screen.getByLabelText<HTMLTextAreaElement>('p');
  await userEvent.type(box, '.05', {
    initialSelectionStart: 6,
    initialSelectionEnd: 6
  });
  expect(box.value).toBe('{"a":1.05}');
  expect(now.values.p).toEqual({ a: 1.05 });
  await userEvent.clear(box);
  await userEvent.type(box, 'a: 1');
  expect(screen.getByRole('alert').textContent).toMatch(/JSON/);
});

test('an integer of any length is typed and kept', async () => {
  const now = show({ type: 'integer', default: 1735689600000000 });
  const box = screen.getByLabelText<HTMLInputElement>('p');
  expect(box.value).toBe('1735689600000000');
  expect(screen.queryByRole('alert')).toBeNull();
  await userEvent.clear(box);
  await userEvent.type(box, '9007199254740993');
  expect(now.values.p).toBe(9007199254740993n);
  expect(screen.queryByRole('alert')).toBeNull();
  await userEvent.type(box, '.5');
  expect(screen.getByRole('alert').textContent).toMatch(/whole number/);
});

test('a choice that must be made starts with none', async () => {
  const now = show({ enum: ['EWR', 'JFK'] }, true);
  const box = screen.getByLabelText<HTMLSelectElement>('p');
  expect(box.selectedOptions[0].text).toBe('choose…');
  expect(screen.getByRole('alert').textContent).toBe('A value is needed.');
  await userEvent.selectOptions(box, 'EWR');
  expect(now.values.p).toBe('EWR');
  expect(screen.queryByText('choose…')).toBeNull();
  expect(screen.queryByRole('alert')).toBeNull();
});

test('yes or no must be said where nothing is the default', async () => {
  const now = show({ type: 'boolean' }, true);
  const box = screen.getByLabelText<HTMLSelectElement>('p');
  expect(box.selectedOptions[0].text).toBe('choose…');
  await userEvent.selectOptions(box, 'no');
  expect(now.values.p).toBe(false);
});

test('a choice that the notebook no longer offers is marked, not replaced', () => {
  show({ enum: ['EWR', 'JFK'], default: 'LGA' });
  const box = screen.getByLabelText<HTMLSelectElement>('p');
  expect(box.selectedOptions[0].text).toBe('LGA');
  expect(screen.getByRole('alert').textContent).toMatch(/choices/);
});

test.each([
  { type: 'string', format: 'date', default: '2013-02-14' },
  { type: 'string', format: 'date-time', default: '2013-02-14T06:00:00' },
  { type: 'integer', default: 5 },
  { type: 'number', default: 0.5 },
  { type: 'boolean', default: true },
  { enum: ['EWR', 'JFK'], default: 'JFK' },
  { type: 'array', items: { type: 'string' }, default: [] }
])('an expression is shown and kept as it is written, %o', async schema => {
  const now = show(schema as ISchema);
  act(() => now.set('{{ interval_start }}'));
  const box = screen.getByLabelText<HTMLInputElement>('p');
  expect([box.type, box.value]).toEqual(['text', '{{ interval_start }}']);
  expect(screen.queryByRole('alert')).toBeNull();
  await userEvent.type(box, ' {Backspace}', { initialSelectionStart: 20 });
  expect(now.values.p).toBe('{{ interval_start }}');
  await userEvent.click(screen.getByRole('button', { name: /default/ }));
  expect(now.values.p).toEqual(schema.default);
  expect(screen.queryByDisplayValue(/interval_start/)).toBeNull();
});

test('a date begins to be an expression, and is typed as text until it is a date', async () => {
  const now = show({ type: 'string', format: 'date', default: '2013-02-14' });
  await userEvent.click(screen.getByRole('button', { name: '{{ }}' }));
  expect(now.values.p).toBe('{{ interval_start }}');
  expect(screen.queryByRole('button', { name: '{{ }}' })).toBeNull();
  const box = screen.getByLabelText<HTMLInputElement>('p');
  await userEvent.clear(box);
  expect(box.type).toBe('text');
  await userEvent.type(box, '2013-02-1');
  expect(box.type).toBe('text');
  await userEvent.type(box, '5');
  expect(now.values.p).toBe('2013-02-15');
  expect(screen.getByLabelText<HTMLInputElement>('p').type).toBe('date');
});
