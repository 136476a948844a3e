import { trans } from '../i18n';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The zone of the reader's browser. */
export function browserZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

/** Every zone that this browser can compute, `UTC` included. */
export function zones(): string[] {
  const known = Intl.supportedValuesOf('timeZone');
  return known.includes('UTC') ? known : ['UTC', ...known];
}

function format(
  date: Date,
  zone: string,
  options: Intl.DateTimeFormatOptions
): string {
  try {
    return new Intl.DateTimeFormat('en-GB', {
      ...options,
      timeZone: zone
    }).format(date);
  } catch {
    // A zone that only the server knows.
    return new Intl.DateTimeFormat('en-GB', {
      ...options,
      timeZone: 'UTC'
    }).format(date);
  }
}

/** `06:00` in the zone; with seconds where there are some. */
export function clock(instant: string | Date, zone: string): string {
  const date = new Date(instant);
  return format(date, zone, {
    hour: '2-digit',
    minute: '2-digit',
    ...(date.getUTCSeconds() ? { second: '2-digit' } : {}),
    hourCycle: 'h23'
  });
}

/** The calendar day in the zone, as a number that grows by one a day. */
function dayNumber(date: Date, zone: string): number {
  const iso = format(date, zone, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit'
  });
  const [day, month, year] = iso.split('/').map(Number);
  return Date.UTC(year, month - 1, day) / DAY;
}

/** `today 06:00`, `tomorrow 06:00`, `Sun 1 Nov 06:00`; the year when it is another one. */
export function dayAndClock(
  instant: string | Date,
  zone: string,
  now: Date
): string {
  const date = new Date(instant);
  const distance = dayNumber(date, zone) - dayNumber(now, zone);
  const time = clock(date, zone);
  if (distance === 0) {
    return trans.__('today %1', time);
  }
  if (distance === 1) {
    return trans.__('tomorrow %1', time);
  }
  if (distance === -1) {
    return trans.__('yesterday %1', time);
  }
  const sameYear =
    format(date, zone, { year: 'numeric' }) ===
    format(now, zone, { year: 'numeric' });
  const day = format(date, zone, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    ...(sameYear ? {} : { year: 'numeric' })
  }).replace(',', '');
  return `${day} ${time}`;
}

/** `2026-11-01`: the calendar day of the reader's browser. */
export function localDay(date: Date): string {
  return localSecond(date).slice(0, 10);
}

/** `2026-11-01T06:00:00` on the clock of the reader's browser. */
export function localSecond(date: Date): string {
  const offset = date.getTimezoneOffset() * MINUTE;
  return new Date(date.getTime() - offset).toISOString().slice(0, 19);
}

/** `UTC-05:00`: how far the zone's clocks are from UTC at that instant. */
function offsetOf(date: Date, zone: string): string {
  const options: Intl.DateTimeFormatOptions = {
    timeZone: zone,
    timeZoneName: 'longOffset'
  };
  try {
    const parts = new Intl.DateTimeFormat('en-GB', options).formatToParts(date);
    const name = parts.find(part => part.type === 'timeZoneName')?.value ?? '';
    return name.replace('GMT', 'UTC');
  } catch {
    return 'UTC';
  }
}

/** `2026-11-01T06:00:00+09:00`: an instant as the zone's clock shows it, to be typed. */
export function written(instant: string, zone: string): string {
  const date = new Date(instant);
  const wall = format(date, zone, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23'
  });
  const [day, month, year, time] = wall.split(/\/|, /);
  const offset = offsetOf(date, zone).slice('UTC'.length) || 'Z';
  return `${year}-${month}-${day}T${time}${offset}`;
}

/** The exact instant with its zone and offset, for hover and screen readers. */
export function exact(instant: string | Date, zone: string): string {
  const date = new Date(instant);
  const text = format(date, zone, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23'
  }).replace(/,/g, '');
  return zone === 'UTC'
    ? `${text} UTC`
    : `${text} ${zone} (${offsetOf(date, zone)})`;
}

/** `1.8 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(milliseconds: number): string {
  const value = Math.max(0, milliseconds);
  if (value < 10 * SECOND) {
    return `${(Math.floor(value / 100) / 10).toFixed(1)} s`;
  }
  if (value < MINUTE) {
    return `${Math.floor(value / SECOND)} s`;
  }
  const two = (big: number, one: string, small: number, other: string) => {
    const rest = Math.floor((value % big) / small);
    return `${Math.floor(value / big)} ${one}${rest ? ` ${rest} ${other}` : ''}`;
  };
  if (value < HOUR) {
    return two(MINUTE, 'min', SECOND, 's');
  }
  return value < DAY ? two(HOUR, 'h', MINUTE, 'min') : two(DAY, 'd', HOUR, 'h');
}

/** One unit is enough for a distance: `12 min`, `4 h`, `3 d`. */
export function rough(milliseconds: number): string {
  if (milliseconds < MINUTE) {
    return `${Math.max(1, Math.round(milliseconds / SECOND))} s`;
  }
  if (milliseconds < HOUR) {
    return `${Math.round(milliseconds / MINUTE)} min`;
  }
  return milliseconds < DAY
    ? `${Math.round(milliseconds / HOUR)} h`
    : `${Math.round(milliseconds / DAY)} d`;
}

/** `in 12 min` soon, `tomorrow 07:00` later; `now` when it is due. */
export function until(instant: string, zone: string, now: Date): string {
  const distance = new Date(instant).getTime() - now.getTime();
  if (distance <= 0) {
    return trans.__('now');
  }
  return distance < 12 * HOUR
    ? trans.__('in %1', rough(distance))
    : dayAndClock(instant, zone, now);
}

/** `3 min ago` lately, `yesterday 07:00` before. */
export function ago(instant: string, zone: string, now: Date): string {
  const distance = now.getTime() - new Date(instant).getTime();
  if (distance < 5 * SECOND) {
    return trans.__('just now');
  }
  return distance < 12 * HOUR
    ? trans.__('%1 ago', rough(distance))
    : dayAndClock(instant, zone, now);
}
