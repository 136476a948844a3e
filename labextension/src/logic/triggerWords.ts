import { trans } from '../i18n';
import type { CalendarUnit, ITrigger, Weekday } from '../tokens';
import { dayAndClock } from './time';
import { choiceOf, inUnits, Rhythm, Unit } from './triggers';

export function rhythmWord(rhythm: Rhythm): string {
  const words: Record<Rhythm, string> = {
    hour: trans.__('Every hour'),
    day: trans.__('Every day'),
    weekday: trans.__('Every weekday'),
    week: trans.__('Every week'),
    month: trans.__('Every month'),
    once: trans.__('Once'),
    calendar: trans.__('Every few days, weeks, months'),
    interval: trans.__('Interval'),
    cron: trans.__('Cron expression')
  };
  return words[rhythm];
}

export function unitWord(unit: Unit): string {
  const words: Record<Unit, string> = {
    seconds: trans.__('seconds'),
    minutes: trans.__('minutes'),
    hours: trans.__('hours'),
    days: trans.__('days')
  };
  return words[unit];
}

export function stepWord(unit: CalendarUnit): string {
  const words: Record<CalendarUnit, string> = {
    day: trans.__('days'),
    week: trans.__('weeks'),
    month: trans.__('months'),
    year: trans.__('years')
  };
  return words[unit];
}

/** As cron counts: Sunday first. */
export function weekdays(): string[] {
  return [
    trans.__('Sunday'),
    trans.__('Monday'),
    trans.__('Tuesday'),
    trans.__('Wednesday'),
    trans.__('Thursday'),
    trans.__('Friday'),
    trans.__('Saturday')
  ];
}

export const WEEK: Weekday[] = [
  'mon',
  'tue',
  'wed',
  'thu',
  'fri',
  'sat',
  'sun'
];

export function weekdayWord(day: Weekday): string {
  return weekdays()[(WEEK.indexOf(day) + 1) % 7];
}

/** `every day at 06:00`, for a line. */
export function describe(trigger: ITrigger): string {
  if (trigger.kind === 'once') {
    const at = new Date(trigger.at ?? '');
    return trans.__('once, %1', dayAndClock(at, trigger.time_zone, new Date()));
  }
  const choice = choiceOf(trigger);
  switch (choice.rhythm) {
    case 'calendar':
      return trans.__('every %1 %2', choice.steps, stepWord(choice.step));
    case 'interval':
      return trans.__('every %1 %2', choice.every, unitWord(choice.unit));
    case 'cron':
      return `cron ${choice.cron}`;
    case 'hour':
      return trans.__('every hour at minute %1', choice.minute);
    case 'week':
      return trans.__('%1 at %2', weekdays()[choice.weekday], choice.time);
    case 'month':
      return trans.__('day %1 of the month at %2', choice.day, choice.time);
    case 'weekday':
      return trans.__('every weekday at %1', choice.time);
    default:
      return trans.__('every day at %1', choice.time);
  }
}

/** `5 minutes`, `1 day`: as a person would say a length. */
export function span(seconds: number): string {
  const { every, unit } = inUnits(seconds);
  switch (unit) {
    case 'days':
      return trans._n('%1 day', '%1 days', every);
    case 'hours':
      return trans._n('%1 hour', '%1 hours', every);
    case 'minutes':
      return trans._n('%1 minute', '%1 minutes', every);
    default:
      return trans._n('%1 second', '%1 seconds', every);
  }
}

/** What else there is to say of a trigger, each in a few words. */
export function extras(trigger: ITrigger): string[] {
  const zone = trigger.time_zone;
  const day = (at: string) => dayAndClock(at, zone, new Date());
  const out = WEEK.filter(d => trigger.exclude_weekdays?.includes(d));
  const dates = trigger.exclude_dates?.length ?? 0;
  const own = Object.keys(trigger.parameters ?? {});
  const jitter = trigger.jitter_seconds ?? 0;
  const said = [];
  if (trigger.start) {
    said.push(trans.__('from %1', day(trigger.start)));
  }
  if (trigger.end) {
    said.push(trans.__('until %1', day(trigger.end)));
  }
  if (out.length) {
    said.push(trans.__('not on %1', out.map(weekdayWord).join(', ')));
  }
  if (dates) {
    said.push(trans._n('%1 day left out', '%1 days left out', dates));
  }
  if (jitter) {
    said.push(trans.__('up to %1 later', span(jitter)));
  }
  if (own.length) {
    said.push(trans.__('own %1', own.join(', ')));
  }
  return said;
}
