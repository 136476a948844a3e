import { expect, test } from 'vitest';

import {
  applyChoice,
  choiceOf,
  cronOf,
  describe as say,
  incomplete,
  newTrigger,
  Rhythm,
  RHYTHMS
} from '../src/logic/triggers';

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

test('what the form has no controls for is said in words', () => {
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
  cron: 'cron 0 6 3 2 *',
  interval: 'every 15 minutes'
};

test.each(RHYTHMS)('the rhythm “%s” is said in words', rhythm => {
  const choice = { ...choiceOf(TRIGGER), cron: '0 6 3 2 *', rhythm };
  expect(say(applyChoice(TRIGGER, choice))).toBe(WORDS[rhythm]);
});

test('half a choice is told from a whole one', () => {
  const choice = choiceOf(TRIGGER);
  expect(incomplete(choice)).toBeNull();
  expect(incomplete({ ...choice, time: '' })).toMatch(/time/);
  expect(incomplete({ ...choice, rhythm: 'hour', minute: NaN })).toMatch(
    /minute/
  );
  expect(incomplete({ ...choice, rhythm: 'month', day: NaN })).toMatch(/day/);
  expect(incomplete({ ...choice, rhythm: 'interval', every: NaN })).toMatch(
    /number/
  );
});
