import { expect, test } from 'vitest';

import { dayOf, instantOf, localIn } from '../src/logic/zoned';

const NY = 'America/New_York';

test.each([
  ['2026-11-01T00:30', NY, '2026-11-01T04:30:00Z'],
  ['2026-11-01T01:30', NY, '2026-11-01T05:30:00Z'], // comes twice: the first one
  ['2026-11-01T02:30', NY, '2026-11-01T07:30:00Z'],
  ['2026-03-08T03:00', NY, '2026-03-08T07:00:00Z'],
  ['2026-07-01T06:00:05', 'Europe/Berlin', '2026-07-01T04:00:05Z'],
  ['1999-12-31T23:59', 'Asia/Kathmandu', '1999-12-31T18:14:00Z'],
  ['2026-07-01T06:00', 'UTC', '2026-07-01T06:00:00Z']
])('%s on the clock of %s is %s', (local, zone, instant) => {
  expect(instantOf(local, zone)).toBe(instant);
  expect(localIn(instant, zone)).toBe(local);
});

test('a time that clocks jump over is as much later', () => {
  expect(instantOf('2026-03-08T02:30', NY)).toBe('2026-03-08T07:30:00Z');
});

test('an instant stays while the clock shows the same', () => {
  const second = '2026-11-01T06:30:00.5Z';
  expect(localIn(second, NY)).toBe('2026-11-01T01:30');
  expect(instantOf('2026-11-01T01:30', NY, second)).toBe(second);
  expect(instantOf('2026-11-01T01:31', NY, second)).toBe(
    '2026-11-01T05:31:00Z'
  );
});

test('what is no time is no instant', () => {
  expect(instantOf('', 'UTC')).toBeNull();
  expect(localIn('', 'UTC')).toBe('');
  expect(dayOf('', 'UTC')).toBeNull();
});

test('a zone that is half typed is read as UTC', () => {
  expect(instantOf('2026-07-01T06:00', 'Ameri')).toBe('2026-07-01T06:00:00Z');
});

test('a day is whole where clocks change', () => {
  expect(dayOf('2026-11-01', NY)).toEqual([
    '2026-11-01T04:00:00Z',
    '2026-11-02T04:59:59.999999Z'
  ]);
});
