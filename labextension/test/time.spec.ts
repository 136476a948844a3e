import { expect, test } from 'vitest';

import {
  ago,
  clock,
  dayAndClock,
  duration,
  exact,
  localDay,
  until,
  zones
} from '../src/logic/time';

const NOW = new Date('2026-11-01T12:00:00Z');

test('durations read as people say them', () => {
  expect(duration(1849)).toBe('1.8 s');
  expect(duration(59_999)).toBe('59 s');
  expect(duration(250_000)).toBe('4 min 10 s');
  expect(duration(7_500_000)).toBe('2 h 5 min');
  expect(duration(3 * 86_400_000)).toBe('3 d');
  expect(duration(-5)).toBe('0.0 s');
});

test('what is near counts down, what is far names its day', () => {
  expect(until('2026-11-01T12:12:00Z', 'UTC', NOW)).toBe('in 12 min');
  expect(until('2026-11-02T07:00:00Z', 'UTC', NOW)).toBe('tomorrow 07:00');
  expect(until('2026-11-01T11:59:59Z', 'UTC', NOW)).toBe('now');
  expect(ago('2026-11-01T11:57:00Z', 'UTC', NOW)).toBe('3 min ago');
  expect(ago('2026-10-31T07:00:00Z', 'UTC', NOW)).toBe('yesterday 07:00');
  expect(ago('2026-11-01T11:59:58Z', 'UTC', NOW)).toBe('just now');
});

test('the day is the one of the zone, also where clocks change', () => {
  // Clocks in New York go back on this day at 06:00 UTC.
  expect(dayAndClock('2026-11-01T05:30:00Z', 'America/New_York', NOW)).toBe(
    'today 01:30'
  );
  expect(dayAndClock('2026-11-01T06:30:00Z', 'America/New_York', NOW)).toBe(
    'today 01:30'
  );
  expect(dayAndClock('2026-11-02T03:00:00Z', 'America/New_York', NOW)).toBe(
    'today 22:00'
  );
  expect(dayAndClock('2027-03-07T06:00:00Z', 'UTC', NOW)).toBe(
    'Sun 7 Mar 2027 06:00'
  );
});

test('seconds show only where there are some', () => {
  expect(clock('2026-11-01T06:00:00Z', 'UTC')).toBe('06:00');
  expect(clock('2026-11-01T06:00:20Z', 'UTC')).toBe('06:00:20');
});

test('the exact instant names its zone', () => {
  expect(exact('2026-11-01T06:00:00Z', 'Europe/Berlin')).toBe(
    'Sun 1 Nov 2026 07:00:00 Europe/Berlin (UTC+01:00)'
  );
  expect(exact('2026-11-01T06:30:00Z', 'America/New_York')).toMatch(
    /01:30:00 .* \(UTC-05:00\)$/
  );
  expect(exact('2026-11-01T05:30:00Z', 'America/New_York')).toMatch(
    /01:30:00 .* \(UTC-04:00\)$/
  );
  expect(exact('2026-11-01T06:00:00Z', 'UTC')).toMatch(/06:00:00 UTC$/);
  expect(clock('2026-11-01T06:00:00Z', 'No/Where')).toBe('06:00');
});

test('UTC can be chosen', () => {
  expect(zones()).toContain('UTC');
});

test('the day of the reader is not the day of UTC', () => {
  const late = new Date('2026-11-02T03:00:00Z');
  late.getTimezoneOffset = () => 300;
  expect(localDay(late)).toBe('2026-11-01');
});
