import * as React from 'react';

import { sentence } from '../api';
import { writeExact } from '../logic/exact';
import { IRunsFilter, RUNS, useNewestRuns } from '../queries';
import type { IPage, IRun } from '../tokens';
import { useOrch } from './context';

/** Runs as they are shown, newest first. */
export interface IShownRuns {
  /** The filter that they passed. */
  of: string;
  runs: IRun[];
  /** Where older ones begin. */
  next: string | null;
  /** How many newer ones wait until nobody points at the list. */
  waiting: number;
}

/**
 * The list after news of the newest runs.
 *
 * While it is held, no row comes, goes or moves; only what the rows say changes.
 */
export function merged(
  old: IShownRuns | null,
  of: string,
  page: IPage<IRun>,
  held: boolean
): IShownRuns {
  const all = {
    of,
    runs: page.items,
    next: page.next_cursor,
    waiting: 0
  };
  if (old?.of !== of || !old.runs.length) {
    return all;
  }
  const news = new Map(page.items.map(run => [run.id, run]));
  const updated = old.runs.map(run => news.get(run.id) ?? run);
  if (held) {
    const known = new Set(old.runs.map(run => run.id));
    const waiting = page.items.filter(run => !known.has(run.id)).length;
    return { ...old, runs: updated, waiting };
  }
  // What the page reaches past and does not name is gone from it.
  const end = page.next_cursor
    ? updated.reduce((last, run, i) => (news.has(run.id) ? i : last), -1)
    : updated.length - 1;
  const older = end < 0 ? [] : updated.slice(end + 1);
  return older.length
    ? { of, runs: [...page.items, ...older], next: old.next, waiting: 0 }
    : all;
}

/** The runs that a filter lets through: the newest kept fresh, older ones when asked for. */
export function useRunList(filter: IRunsFilter, held: boolean) {
  const { api, say } = useOrch();
  const of = writeExact(filter);
  const first = useNewestRuns(filter);
  const page = first.data;
  const [list, setList] = React.useState<IShownRuns | null>(null);
  const [loading, setLoading] = React.useState(false);
  React.useEffect(() => {
    if (page) {
      setList(old => merged(old, of, page, held));
    }
  }, [page, of, held]);
  const current = list?.of === of ? list : null;
  const more = async () => {
    setLoading(true);
    try {
      const cursor = current?.next;
      const older = await api.runs({ ...filter, cursor, limit: RUNS });
      setList(
        old =>
          old && {
            ...old,
            runs: [...old.runs, ...older.items],
            next: older.next_cursor
          }
      );
    } catch (error) {
      say(sentence(error), 'error');
    } finally {
      setLoading(false);
    }
  };
  return {
    query: { ...first, data: current ?? undefined },
    /** The runs whose news come with the newest page; others are asked for one by one. */
    fresh: page?.items,
    showWaiting: () => page && setList(old => merged(old, of, page, false)),
    more: current?.next ? () => void more() : undefined,
    loading
  };
}
