import { trans } from '../i18n';
import type { IRun, IUsual } from '../tokens';
import { duration, rough } from './time';

/** A run may take that much longer than a slow one before it is worth a word. */
const TOLERANCE = 1.1;

/** `cell 3 of 12`: where the run is. */
export function cellOf(run: IRun): string {
  const { cells_done: done, cells_total: total } = run;
  return total
    ? trans.__('cell %1 of %2', Math.min(done + 1, total), total)
    : trans.__('starting');
}

/**
 * `about 2 min left`, `longer than usual (usually 3 min)`: what the job's history says.
 *
 * Between the usual and the slow run it says what is usual, as nobody knows.
 */
export function outlook(
  run: IRun,
  usual: IUsual | null | undefined,
  now: Date
): string | null {
  if (!usual || !run.started_at || run.state !== 'running') {
    return null;
  }
  const elapsed = (now.getTime() - new Date(run.started_at).getTime()) / 1_000;
  if (elapsed < usual.seconds) {
    return trans.__('about %1 left', rough((usual.seconds - elapsed) * 1_000));
  }
  const usually = duration(usual.seconds * 1_000);
  return elapsed <= usual.slow_seconds * TOLERANCE
    ? trans.__('usually %1', usually)
    : trans.__('longer than usual (usually %1)', usually);
}

/** `1.2 M`: a count that nobody wants to the last digit. */
export function manyOf(count: number): string {
  const [big, unit] =
    count >= 1e9
      ? [count / 1e9, ' G']
      : count >= 1e6
        ? [count / 1e6, ' M']
        : count >= 1e4
          ? [count / 1e3, ' k']
          : [count, ''];
  return `${unit && big < 100 ? big.toFixed(1) : Math.floor(big)}${unit}`;
}
