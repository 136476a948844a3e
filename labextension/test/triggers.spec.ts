import { expect, test } from 'vitest';

import {
  applyChoice,
  choiceOf,
  cronOf,
  incomplete,
  newTrigger,
  Rhythm,
  RHYTHMS,
  withRhythm
} from '../src/logic/triggers';
import { describe as say, extras } from '../src/logic/triggerWords';

const TRIGGER = newTrigger('UTC');

test.each([
  ['day', '0 6 * * *'],
  ['weekday', '30 7 * * 1-5'],
  ['week', '0 6 * * 3'],
  ['month', '5 23 28 * *'],
  ['hour', '15 * * * *'],
  ['cron', '*/5 8-18 * * *'],
  ['cron', '@daily'],
  ['cron', '0 6 1 1 *'],
  ['cron', 'nonsense']
])('a cron text is read as %s and written as it was: %s', (rhythm, cron) => {
  const choice = choiceOf({ ...TRIGGER, cron });
  expect(choice.rhythm).toBe(rhythm);
  expect(cronOf(choice)).toBe(cron);
});

test('Sunday may be 7', () => {
  expect(choiceOf({ ...TRIGGER, cron: '0 6 * * 7' }).weekday).toBe(0);
});

test('an interval takes the largest unit that fits', () => {
  const trigger = applyChoice(TRIGGER, {
    ...choiceOf(TRIGGER),
    rhythm: 'interval',
    every: 90,
    unit: 'minutes'
  });
  expect(trigger).toMatchObject({
    kind: 'interval',
    every_seconds: 5400,
    cron: null
  });
  expect(choiceOf(trigger)).toMatchObject({ every: 90, unit: 'minutes' });
  expect(choiceOf({ ...trigger, every_seconds: 7200 })).toMatchObject({
    every: 2,
    unit: 'hours'
  });
});

test('an edit keeps the id and the parameters of the trigger', () => {
  const kept = { ...TRIGGER, id: 'daily', parameters: { origin: 'JFK' } };
  const edited = applyChoice(kept, {
    ...choiceOf(kept),
    rhythm: 'hour',
    minute: 5
  });
  expect(edited).toMatchObject({
    id: 'daily',
    cron: '5 * * * *',
    parameters: { origin: 'JFK' }
  });
});

test('a new trigger takes an id that is free', () => {
  expect(newTrigger('UTC', ['t2']).id).toBe('t3');
  expect(newTrigger('UTC', ['t1']).id).toBe('t2');
});

test('what follows the calendar or fires once is said in words', () => {
  const set = { id: 'x', time_zone: 'UTC' };
  expect(
    say({
      ...set,
      kind: 'calendar',
      calendar_every: 2,
      calendar_unit: 'week'
    })
  ).toBe('every 2 weeks');
  expect(say({ ...set, kind: 'once', at: '2020-12-01T06:00:00Z' })).toMatch(
    /^once, .*1 Dec 2020 06:00$/
  );
});

const WORDS: Record<Rhythm, string> = {
  hour: 'every hour at minute 0',
  day: 'every day at 06:00',
  weekday: 'every weekday at 06:00',
  week: 'Monday at 06:00',
  month: 'day 1 of the month at 06:00',
  once: 'once, Thu 3 Dec 2020 06:00',
  calendar: 'every 2 weeks',
  interval: 'every 15 minutes',
  cron: 'cron 0 6 3 2 *'
};

test.each(RHYTHMS)('the rhythm “%s” is said in words', rhythm => {
  const at = '2020-12-03T06:00';
  const choice = { ...choiceOf(TRIGGER), cron: '0 6 3 2 *', at, rhythm };
  expect(say(applyChoice(TRIGGER, choice))).toBe(WORDS[rhythm]);
});

test.each([
  [{ time: '' }, 'time'],
  [{ rhythm: 'hour', minute: NaN }, 'minute'],
  [{ rhythm: 'month', day: NaN }, 'day'],
  [{ rhythm: 'interval', every: NaN }, 'every'],
  [{ rhythm: 'once' }, 'at'],
  [{ rhythm: 'calendar', steps: NaN, anchor: '2026-11-01T06:00' }, 'steps'],
  [{ rhythm: 'calendar' }, 'anchor']
] as const)('half a choice is told from a whole one: %o', (patch, of) => {
  const choice = choiceOf(TRIGGER);
  expect(incomplete(choice)).toBeNull();
  expect(incomplete({ ...choice, ...patch })?.of).toBe(of);
});

test('another rhythm leaves nothing of the one before, and asks for no day to be typed', () => {
  const every = {
    ...TRIGGER,
    exclude_dates: ['2026-12-25'],
    jitter_seconds: 9
  };
  const once = applyChoice(every, withRhythm(choiceOf(every), 'once'));
  expect(once).toMatchObject({ kind: 'once', cron: null, jitter_seconds: 9 });
  expect(Date.parse(once.at ?? '')).toBeGreaterThan(Date.now());
  const calendar = applyChoice(once, withRhythm(choiceOf(once), 'calendar'));
  expect(calendar).toMatchObject({
    kind: 'calendar',
    at: null,
    calendar_every: 2,
    calendar_unit: 'week',
    exclude_dates: ['2026-12-25']
  });
  expect(calendar.anchor).toMatch(/T06:00:00Z$/);
});

test('a trigger that is looked at and left is the same to the last digit', () => {
  const kept = {
    ...TRIGGER,
    kind: 'calendar' as const,
    cron: null,
    time_zone: 'America/New_York',
    calendar_every: 1,
    calendar_unit: 'month' as const,
    anchor: '2026-11-01T06:30:00.123456Z',
    start: '2026-11-01T06:30:07Z',
    end: '2027-11-01T00:00:00Z'
  };
  expect(applyChoice(kept, choiceOf(kept))).toMatchObject(kept);
});

test('bounds, days off, spread and own values are said in a few words', () => {
  expect(
    extras({
      ...TRIGGER,
      start: '2020-12-01T06:00:00Z',
      exclude_weekdays: ['sun', 'sat'],
      exclude_dates: ['2026-12-25'],
      jitter_seconds: 300,
      parameters: { origin: 'JFK' }
    })
  ).toEqual([
    'from Tue 1 Dec 2020 06:00',
    'not on Saturday, Sunday',
    '1 day left out',
    'up to 5 minutes later',
    'own origin'
  ]);
});
