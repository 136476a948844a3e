const DAY = 24 * 3600 * 1000;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) {
    return known;
  }
  const options: Intl.DateTimeFormatOptions = {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23'
  };
  let made: Intl.DateTimeFormat;
  try {
    made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone });
  } catch {
    // A zone that only the server knows, or one that is half typed.
    made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' });
  }
  formats.set(zone, made);
  return made;
}

/** What the zone's clock shows, as if it were UTC, in milliseconds. */
function wallAt(instant: number, zone: string): number {
  const parts = formatOf(zone).formatToParts(instant);
  const [year, month, day, hour, minute, second] = [
    ...['year', 'month', 'day', 'hour', 'minute', 'second']
  ].map(type => Number(parts.find(part => part.type === type)?.value));
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** `2026-11-01T06:00` on the zone's clock; with seconds where there are some. */
export function localIn(instant: string, zone: string): string {
  const at = Date.parse(instant);
  if (Number.isNaN(at)) {
    return '';
  }
  const text = new Date(wallAt(at, zone)).toISOString().slice(0, 19);
  return text.endsWith(':00') ? text.slice(0, 16) : text;
}

/**
 * The instant at which the zone's clock shows the text; null for none.
 *
 * A time that comes twice means the first one; one that clocks jump over, as much later. `was`
 * stays to the last digit while the clock shows the same.
 */
export function instantOf(
  local: string,
  zone: string,
  was: string | null = null
): string | null {
  if (was !== null && local === localIn(was, zone)) {
    return was;
  }
  const wall = Date.parse(`${local}Z`);
  if (Number.isNaN(wall)) {
    return null;
  }
  const before = wall - (wallAt(wall - DAY, zone) - (wall - DAY));
  const after = wall - (wallAt(wall + DAY, zone) - (wall + DAY));
  const shown = [before, after].filter(at => wallAt(at, zone) === wall);
  const at = shown.length ? Math.min(...shown) : before;
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

/** The first instant of a calendar day of the zone, and the last one. */
export function dayOf(day: string, zone: string): [string, string] | null {
  const next = new Date(Date.parse(`${day}T00:00Z`) + DAY);
  const first = instantOf(`${day}T00:00`, zone);
  if (first === null || Number.isNaN(next.getTime())) {
    return null;
  }
  const end = instantOf(`${next.toISOString().slice(0, 10)}T00:00`, zone);
  const last = new Date(Date.parse(end ?? first) - 1).toISOString();
  return [first, last.replace('.999Z', '.999999Z')];
}
