import { expect, test } from 'vitest';

import {
  brief,
  fault,
  fieldsOf,
  ownValues,
  startValues
} from '../src/logic/parameters';
import type { IParametersSchema } from '../src/tokens';

const SCHEMA: IParametersSchema = {
  type: 'object',
  properties: {
    day: {
      type: 'string',
      format: 'date',
      default: '2013-02-14',
      description: 'the day'
    },
    origin: { type: 'string', enum: ['EWR', 'JFK'], default: 'JFK' },
    min_delay: { type: 'integer', default: 15, minimum: 0, maximum: 600 },
    share: { type: 'number', default: 0.5 },
    carriers: { type: 'array', items: { type: 'string' }, default: [] },
    dry: { type: 'boolean', default: false },
    limit: { type: ['integer', 'null'], default: null },
    when: {
      anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }]
    },
    options: { type: 'object', default: {} },
    name: { type: 'string' }
  },
  required: ['name']
};
const FIELDS = fieldsOf(SCHEMA);
const field = (name: string) => FIELDS.find(f => f.name === name)!;

test('each parameter gets the control of its type, in the order of the cell', () => {
  expect(FIELDS.map(f => [f.name, f.kind])).toEqual([
    ['day', 'date'],
    ['origin', 'choice'],
    ['min_delay', 'integer'],
    ['share', 'number'],
    ['carriers', 'list'],
    ['dry', 'boolean'],
    ['limit', 'integer'],
    ['when', 'date-time'],
    ['options', 'json'],
    ['name', 'text']
  ]);
  expect(FIELDS.filter(f => f.nullable).map(f => f.name)).toEqual([
    'limit',
    'when'
  ]);
  expect(field('carriers').items?.kind).toBe('text');
});

test('the form starts with what is given, else with the defaults of the notebook', () => {
  const values = startValues(FIELDS, { origin: 'EWR', gone: 1 });
  expect(values).toMatchObject({
    origin: 'EWR',
    day: '2013-02-14',
    limit: null
  });
  expect('name' in values).toBe(false);
  expect('gone' in values).toBe(false);
});

test('only what differs from the notebook is stored', () => {
  const values = { ...startValues(FIELDS, {}), min_delay: 30, name: 'x' };
  expect(ownValues(FIELDS, values)).toEqual({ min_delay: 30, name: 'x' });
});

test('a value that does not fit is told in words', () => {
  expect(fault(field('min_delay'), '')).toMatch(/whole number/);
  expect(fault(field('min_delay'), 1.5)).toMatch(/whole number/);
  expect(fault(field('min_delay'), -1)).toBe('At least 0.');
  expect(fault(field('min_delay'), 601)).toBe('At most 600.');
  expect(fault(field('share'), 'half')).toMatch(/number/);
  expect(fault(field('day'), '')).toMatch(/date/);
  expect(fault(field('name'), undefined)).toMatch(/needed/);
  expect(fault(field('day'), null)).toMatch(/needed/);
});

test('a value that fits passes', () => {
  expect(fault(field('limit'), null)).toBeNull();
  expect(fault(field('min_delay'), 15)).toBeNull();
  expect(fault(field('day'), '2026-11-01')).toBeNull();
  expect(fault(field('carriers'), ['AA', 'B6'])).toBeNull();
});

test('an expression passes for any type: the server reads it', () => {
  for (const name of ['day', 'min_delay', 'origin', 'dry', 'carriers']) {
    expect(fault(field(name), '{{ interval_start }}')).toBeNull();
  }
  expect(fault(field('day'), '{ interval_start }')).toMatch(/date/);
});

test('a fault in a list names the item', () => {
  const [numbers] = fieldsOf({
    properties: { n: { type: 'array', items: { type: 'integer' } } }
  });
  expect(fault(numbers, [1, 'two'])).toMatch(/^Item 2:/);
});

test('values are short in a line', () => {
  expect(brief('JFK')).toBe('JFK');
  expect(brief(['a', 1, null])).toBe('["a",1,null]');
  expect(brief(undefined)).toBe('');
});
