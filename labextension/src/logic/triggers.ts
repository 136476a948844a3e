import { trans } from '../i18n';
import { dayAndClock } from './time';
import type { ITrigger } from '../tokens';

export type Rhythm =
  'hour' | 'day' | 'weekday' | 'week' | 'month' | 'cron' | 'interval';

export type Unit = 'seconds' | 'minutes' | 'hours' | 'days';

/** What a person picks; every kept field survives a look at another rhythm. */
export interface IChoice {
  rhythm: Rhythm;
  /** `HH:MM`. */
  time: string;
  /** Minute of the hour, for `hour`. */
  minute: number;
  /** 0 is Sunday, as cron counts, for `week`. */
  weekday: number;
  /** Day of the month, for `month`. */
  day: number;
  cron: string;
  every: number;
  unit: Unit;
}

export const UNITS: Record<Unit, number> = {
  seconds: 1,
  minutes: 60,
  hours: 3600,
  days: 86400
};

export function rhythmWord(rhythm: Rhythm): string {
  const words: Record<Rhythm, string> = {
    hour: trans.__('Every hour'),
    day: trans.__('Every day'),
    weekday: trans.__('Every weekday'),
    week: trans.__('Every week'),
    month: trans.__('Every month'),
    cron: trans.__('Cron expression'),
    interval: trans.__('Interval')
  };
  return words[rhythm];
}

export const RHYTHMS: Rhythm[] = [
  'hour',
  'day',
  'weekday',
  'week',
  'month',
  'cron',
  'interval'
];

const DEFAULT: IChoice = {
  rhythm: 'day',
  time: '06:00',
  minute: 0,
  weekday: 1,
  day: 1,
  cron: '0 6 * * *',
  every: 15,
  unit: 'minutes'
};

export function newTrigger(timeZone: string, taken: string[] = []): ITrigger {
  let n = taken.length + 1;
  while (taken.includes(`t${n}`)) {
    n += 1;
  }
  return {
    id: `t${n}`,
    kind: 'cron',
    cron: cronOf(DEFAULT),
    time_zone: timeZone,
    parameters: {}
  };
}

/** What is missing or impossible in the choice, before any server is asked. */
export function incomplete(choice: IChoice): string | null {
  switch (choice.rhythm) {
    case 'cron':
      return null;
    case 'interval':
      return choice.every > 0 ? null : trans.__('A number is needed.');
    case 'hour':
      return Number.isNaN(choice.minute)
        ? trans.__('A minute is needed.')
        : null;
    case 'month':
      if (Number.isNaN(choice.day)) {
        return trans.__('A day is needed.');
      }
  }
  return choice.time ? null : trans.__('A time is needed.');
}

/** The cron expression that a preset stands for. */
export function cronOf(choice: IChoice): string {
  const [hour, minute] = choice.time.split(':').map(Number);
  const at = `${minute || 0} ${hour || 0}`;
  switch (choice.rhythm) {
    case 'hour':
      return `${choice.minute} * * * *`;
    case 'day':
      return `${at} * * *`;
    case 'weekday':
      return `${at} * * 1-5`;
    case 'week':
      return `${at} * * ${choice.weekday}`;
    case 'month':
      return `${at} ${choice.day} * *`;
    default:
      return choice.cron;
  }
}

/** The trigger with the choice in it. */
export function applyChoice(trigger: ITrigger, choice: IChoice): ITrigger {
  if (choice.rhythm === 'interval') {
    const seconds = Math.round(choice.every * UNITS[choice.unit]);
    return {
      ...trigger,
      kind: 'interval',
      cron: null,
      every_seconds: seconds
    };
  }
  return {
    ...trigger,
    kind: 'cron',
    cron: cronOf(choice),
    every_seconds: null,
    anchor: null
  };
}

/** What a person would have picked to get this trigger. */
export function choiceOf(trigger: ITrigger): IChoice {
  if (trigger.kind === 'interval') {
    const seconds = trigger.every_seconds ?? 900;
    const units: Unit[] = ['days', 'hours', 'minutes', 'seconds'];
    const unit = units.find(u => seconds % UNITS[u] === 0) ?? 'seconds';
    return {
      ...DEFAULT,
      rhythm: 'interval',
      every: seconds / UNITS[unit],
      unit
    };
  }
  const cron = (trigger.cron ?? '').trim();
  return { ...DEFAULT, cron, ...preset(cron) };
}

function preset(cron: string): Partial<IChoice> {
  const fields = cron.split(/\s+/);
  const number = (text: string) => (/^\d+$/.test(text) ? Number(text) : null);
  const [minute, hour, day] = fields.slice(0, 3).map(number);
  const [, hourText, dayText, monthText, weekdayText] = fields;
  if (fields.length !== 5 || minute === null || monthText !== '*') {
    return { rhythm: 'cron' };
  }
  if (hourText === '*' && dayText === '*' && weekdayText === '*') {
    return { rhythm: 'hour', minute };
  }
  if (hour === null) {
    return { rhythm: 'cron' };
  }
  const two = (n: number) => String(n).padStart(2, '0');
  const time = `${two(hour)}:${two(minute)}`;
  if (dayText === '*' && weekdayText === '*') {
    return { rhythm: 'day', time };
  }
  if (dayText === '*' && weekdayText === '1-5') {
    return { rhythm: 'weekday', time };
  }
  if (dayText === '*' && number(weekdayText) !== null) {
    return { rhythm: 'week', time, weekday: Number(weekdayText) % 7 };
  }
  if (day !== null && weekdayText === '*') {
    return { rhythm: 'month', time, day };
  }
  return { rhythm: 'cron' };
}

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

/** Whether the form has controls for this kind; others are kept as they are. */
export function isEditable(trigger: ITrigger): boolean {
  return trigger.kind === 'cron' || trigger.kind === 'interval';
}

/** `every day at 06:00`, for a line. */
export function describe(trigger: ITrigger): string {
  if (trigger.kind === 'once') {
    const at = new Date(trigger.at ?? '');
    return trans.__('once, %1', dayAndClock(at, trigger.time_zone, new Date()));
  }
  if (trigger.kind === 'calendar') {
    const { calendar_every: every, calendar_unit: unit } = trigger;
    return trans.__('every %1 %2', every ?? 1, `${unit}s`);
  }
  const choice = choiceOf(trigger);
  switch (choice.rhythm) {
    case 'interval':
      return trans.__('every %1 %2', choice.every, choice.unit);
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
