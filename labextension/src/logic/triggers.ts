import { trans } from '../i18n';
import type { CalendarUnit, ITrigger } from '../tokens';
import { localDay } from './time';
import { instantOf, localIn } from './zoned';

export type Rhythm =
  | 'hour'
  | 'day'
  | 'weekday'
  | 'week'
  | 'month'
  | 'once'
  | 'calendar'
  | 'interval'
  | 'cron';

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
  /** For `calendar`. */
  steps: number;
  step: CalendarUnit;
  /** Clock readings in the trigger's zone, as `2026-11-01T06:00`; empty for none. */
  at: string;
  anchor: string;
  start: string;
  end: string;
}

/** The instants of a trigger that are picked as readings of its zone's clock. */
const MOMENTS = ['at', 'anchor', 'start', 'end'] as const;

/** What a choice lacks. */
export interface IGap {
  of: keyof IChoice;
  text: string;
}

export const UNITS: Record<Unit, number> = {
  seconds: 1,
  minutes: 60,
  hours: 3600,
  days: 86400
};

export const RHYTHMS: Rhythm[] = [
  'hour',
  'day',
  'weekday',
  'week',
  'month',
  'once',
  'calendar',
  'interval',
  'cron'
];

const DEFAULT: IChoice = {
  rhythm: 'day',
  time: '06:00',
  minute: 0,
  weekday: 1,
  day: 1,
  cron: '0 6 * * *',
  every: 15,
  unit: 'minutes',
  steps: 2,
  step: 'week',
  at: '',
  anchor: '',
  start: '',
  end: ''
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
export function incomplete(choice: IChoice): IGap | null {
  const number = trans.__('A number is needed.');
  const moment = trans.__('A day and a time are needed.');
  switch (choice.rhythm) {
    case 'cron':
      return null;
    case 'interval':
      return choice.every > 0 ? null : { of: 'every', text: number };
    case 'calendar':
      return !(choice.steps > 0)
        ? { of: 'steps', text: number }
        : choice.anchor
          ? null
          : { of: 'anchor', text: moment };
    case 'once':
      return choice.at ? null : { of: 'at', text: moment };
    case 'hour':
      return Number.isNaN(choice.minute)
        ? { of: 'minute', text: trans.__('A minute is needed.') }
        : null;
    case 'month':
      if (Number.isNaN(choice.day)) {
        return { of: 'day', text: trans.__('A day is needed.') };
      }
  }
  return choice.time
    ? null
    : { of: 'time', text: trans.__('A time is needed.') };
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

/** The choice with another rhythm, and with a day where that needs one. */
export function withRhythm(choice: IChoice, rhythm: Rhythm): IChoice {
  const tomorrow = new Date(Date.now() + 24 * 3600 * 1000);
  const soon = `${localDay(tomorrow)}T${choice.time || DEFAULT.time}`;
  return {
    ...choice,
    rhythm,
    at: choice.at || (rhythm === 'once' ? soon : ''),
    anchor: choice.anchor || (rhythm === 'calendar' ? soon : '')
  };
}

/** The trigger with the choice in it. */
export function applyChoice(trigger: ITrigger, choice: IChoice): ITrigger {
  const kind = kindOf(choice.rhythm);
  const [at, anchor, start, end] = MOMENTS.map(name =>
    instantOf(choice[name], trigger.time_zone, trigger[name])
  );
  return {
    ...trigger,
    kind,
    cron: kind === 'cron' ? cronOf(choice) : null,
    every_seconds:
      kind === 'interval'
        ? Math.round(choice.every * UNITS[choice.unit])
        : null,
    calendar_every: kind === 'calendar' ? choice.steps : null,
    calendar_unit: kind === 'calendar' ? choice.step : null,
    anchor: kind === 'interval' || kind === 'calendar' ? anchor : null,
    at: kind === 'once' ? at : null,
    start,
    end
  };
}

function kindOf(rhythm: Rhythm): ITrigger['kind'] {
  return rhythm === 'interval' || rhythm === 'calendar' || rhythm === 'once'
    ? rhythm
    : 'cron';
}

/** A length in the largest unit that fits. */
export function inUnits(seconds: number): { every: number; unit: Unit } {
  const units: Unit[] = ['days', 'hours', 'minutes', 'seconds'];
  const unit = units.find(u => seconds % UNITS[u] === 0) ?? 'seconds';
  return { every: seconds / UNITS[unit], unit };
}

/** What a person would have picked to get this trigger. */
export function choiceOf(trigger: ITrigger): IChoice {
  const choice = { ...DEFAULT };
  for (const name of MOMENTS) {
    choice[name] = localIn(trigger[name] ?? '', trigger.time_zone);
  }
  switch (trigger.kind) {
    case 'interval':
      return {
        ...choice,
        rhythm: 'interval',
        ...inUnits(trigger.every_seconds ?? 900)
      };
    case 'calendar':
      return {
        ...choice,
        rhythm: 'calendar',
        steps: trigger.calendar_every ?? 1,
        step: trigger.calendar_unit ?? 'day'
      };
    case 'once':
      return { ...choice, rhythm: 'once' };
  }
  const cron = (trigger.cron ?? '').trim();
  return { ...choice, cron, ...preset(cron) };
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
