import { trans } from '../i18n';
import type {
  BackfillOnly,
  IBackfill,
  IBackfillRequest,
  IJob,
  ITrigger,
  Values
} from '../tokens';
import { dayOf, instantOf } from './zoned';

/** What a person picks for a backfill. */
export interface IAsked {
  trigger: string;
  /** Days of the trigger's zone, or readings of its clock. */
  first: string;
  last: string;
  timed: boolean;
  only: BackfillOnly;
  newest: boolean;
  concurrency: number;
  priority: number;
  latestNotebook: boolean;
  parameters: Values;
}

export function askedNothing(job: IJob): IAsked {
  return {
    trigger: job.spec.triggers[0]?.id ?? '',
    first: '',
    last: '',
    timed: false,
    only: 'missing_or_failed',
    newest: false,
    concurrency: 1,
    priority: -10,
    latestNotebook: false,
    parameters: {}
  };
}

/** What is missing or impossible, by field; an empty day is only missing yet. */
export function gapsOf(wish: IAsked): Partial<Record<keyof IAsked, string>> {
  const gaps: Partial<Record<keyof IAsked, string>> = {};
  for (const name of ['first', 'last'] as const) {
    if (!wish[name]) {
      gaps[name] = '';
    }
  }
  if (wish.first && wish.last && wish.last < wish.first) {
    gaps.last = trans.__('The range ends before it starts.');
  }
  for (const name of ['concurrency', 'priority'] as const) {
    if (Number.isNaN(wish[name])) {
      gaps[name] = trans.__('A number is needed.');
    }
  }
  return gaps;
}

/** The request that stands for a whole choice. */
export function asked(
  wish: IAsked,
  job: IJob,
  trigger: ITrigger
): IBackfillRequest {
  const zone = trigger.time_zone;
  const ends = wish.timed
    ? [instantOf(wish.first, zone), instantOf(wish.last, zone)]
    : [dayOf(wish.first, zone)?.[0], dayOf(wish.last, zone)?.[1]];
  return {
    job: job.id,
    trigger: trigger.id,
    first: ends[0] ?? '',
    last: ends[1] ?? '',
    only: wish.only,
    newest_first: wish.newest,
    concurrency: wish.concurrency,
    priority: wish.priority,
    parameters: wish.parameters,
    latest_notebook: wish.latestNotebook,
    confirm: false
  };
}

/** How far a backfill is: runs that have ended, and those that will be. */
export function progress(backfill: IBackfill): { done: number; of: number } {
  const {
    succeeded = 0,
    failed = 0,
    cancelled = 0,
    skipped = 0
  } = backfill.counts;
  const done = succeeded + failed + cancelled + skipped;
  const made = Object.values(backfill.counts).reduce((a, b) => a + b, 0);
  // Somebody else may run an interval meanwhile, or make one more of them missing.
  const of = backfill.state === 'running' ? backfill.planned : made;
  return { done, of: Math.max(of, made) };
}
