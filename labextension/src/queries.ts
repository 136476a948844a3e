import {
  keepPreviousData,
  QueryClient,
  useInfiniteQuery,
  useQueries,
  useQuery,
  useQueryClient
} from '@tanstack/react-query';

import { ApiError } from './api';
import { useOrch } from './components/context';
import type {
  IBackfillRequest,
  IChange,
  IJobSummary,
  IPage,
  IRunDetail,
  ITrigger,
  RunState
} from './tokens';
import { writeExact } from './logic/exact';
import { hasEnded } from './logic/states';

/** Without news from the event bus everything in view is asked again after this, in milliseconds. */
const POLL = 15_000;
/** A run that goes on shows its log and notebook growing, in milliseconds. */
const WATCH = 2_000;
/** The cell that runs, in milliseconds. */
const LIVE = 1_000;

/** Jobs and runs of a page. */
const JOBS = 100;
export const RUNS = 50;
const BACKFILLS = 20;

export interface IJobFilter {
  search?: string;
  notebook?: string;
  state?: 'failing' | 'running';
}

export interface IRunsFilter {
  job?: string;
  backfill?: string;
  state?: RunState[];
  /** A part of the job's name. */
  search?: string;
  /** How they failed; goes with a job and no other filter. */
  fingerprint?: string;
}

/** Names of cached answers; the first word decides what a change makes stale. */
export const keys = {
  lab: () => ['lab'] as const,
  status: () => ['status'] as const,
  jobs: (filter: IJobFilter, cursor: string | null) =>
    [
      'jobs',
      filter.search ?? '',
      filter.notebook ?? '',
      filter.state ?? '',
      cursor
    ] as const,
  job: (id: string) => ['job', id] as const,
  runs: (filter: IRunsFilter) =>
    [
      'runs',
      filter.job ?? '',
      filter.backfill ?? '',
      filter.search ?? '',
      filter.fingerprint ?? '',
      ...(filter.state ?? [])
    ] as const,
  run: (id: string) => ['run', id] as const,
  runPart: (id: string, part: 'notebook' | 'log' | 'live', attempt: number) =>
    ['run', id, part, attempt] as const,
  backfills: (job: string) => ['backfills', job] as const,
  // As text: a key may hold no `bigint`.
  backfillPlan: (asked: IBackfillRequest) =>
    ['plan', asked.job, writeExact(asked)] as const,
  schema: (job: string) => ['schema', job] as const,
  pools: () => ['pools'] as const,
  channels: () => ['channels'] as const,
  tables: () => ['tables'] as const,
  versions: (table: string) => ['table', table, 'versions'] as const,
  preview: (table: string, version: string) =>
    ['table', table, 'preview', version] as const,
  diff: (table: string, before: string, after: string) =>
    ['table', table, 'diff', before, after] as const,
  inspect: (path: string) => ['inspect', path] as const,
  fires: (trigger: ITrigger) =>
    ['fires', trigger.id, writeExact(trigger)] as const
};

/** The answers that a change makes stale. */
export function staleAfter(change: Pick<IChange, 'kind' | 'key'>): string[][] {
  switch (change.kind) {
    case 'job':
      return [['jobs'], ['job', change.key], ['status']];
    case 'run':
      return [
        ...[['jobs'], ['job'], ['runs'], ['run', change.key], ['status']],
        ...[['backfills'], ['pools']]
      ];
    case 'table':
      // What a version holds, and how two of them differ, never changes.
      return [['tables'], ['table', change.key, 'versions']];
    case 'backfill':
      return [['backfills']];
    case 'pool':
      return [['pools']];
    default:
      return [[]];
  }
}

export function makeClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // The Lab may run on this very machine: no network is no reason to wait.
      mutations: { networkMode: 'always' },
      queries: {
        networkMode: 'always',
        refetchInterval: POLL,
        staleTime: 1_000,
        retry: (count, error) =>
          count < 2 && !(error instanceof ApiError && error.status < 500)
            ? !(error instanceof ApiError && error.serviceDown)
            : false
      }
    }
  });
}

/** A query with a way to stop waiting for it. */
function useStoppable<Q>(
  query: Q,
  queryKey: readonly unknown[]
): Q & { cancel: () => void } {
  const client = useQueryClient();
  return { ...query, cancel: () => void client.cancelQueries({ queryKey }) };
}

export function useLab() {
  const { api } = useOrch();
  return useQuery({ queryKey: keys.lab(), queryFn: api.lab });
}

export function useStatus() {
  const { api } = useOrch();
  return useQuery({ queryKey: keys.status(), queryFn: api.status });
}

/** The first page of the jobs that a filter lets through. */
export function useJobs(filter: IJobFilter) {
  const { api } = useOrch();
  const queryKey = keys.jobs(filter, null);
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () => api.jobs({ ...filter, limit: JOBS }),
      placeholderData: keepPreviousData
    }),
    queryKey
  );
}

/**
 * The first `count` pages of the jobs, each a query of its own.
 *
 * Only pages that `inView` says to be seen are kept fresh: news about one run does not ask for
 * thousands of jobs again. A page that is seen again is asked for again.
 */
export function useJobPages(
  filter: IJobFilter,
  count: number,
  inView: ReadonlySet<number>
) {
  const { api } = useOrch();
  const client = useQueryClient();
  // Each page says where the next one begins.
  const cursors: (string | null)[] = [null];
  while (cursors.length < count) {
    const key = keys.jobs(filter, cursors[cursors.length - 1]);
    const page = client.getQueryData<IPage<IJobSummary>>(key);
    if (!page?.next_cursor) {
      break;
    }
    cursors.push(page.next_cursor);
  }
  const results = useQueries({
    queries: cursors.map((cursor, index) => {
      const queryKey = keys.jobs(filter, cursor);
      return {
        queryKey,
        queryFn: () => api.jobs({ ...filter, cursor, limit: JOBS }),
        enabled:
          index === 0 ||
          inView.has(index) ||
          client.getQueryData(queryKey) === undefined
      };
    })
  });
  const [first] = results;
  const pages = results.flatMap(result => (result.data ? [result.data] : []));
  return {
    pages,
    updatedAt: results.map(result => result.dataUpdatedAt),
    error: first.error,
    refetch: first.refetch,
    isFetching: first.isFetching,
    cancel: () =>
      void client.cancelQueries({ queryKey: keys.jobs(filter, null) }),
    /** Whether every wanted page is there. */
    whole: pages.length === results.length,
    more: Boolean(pages[pages.length - 1]?.next_cursor)
  };
}

export function useJob(id: string | null) {
  const { api } = useOrch();
  const queryKey = keys.job(id ?? '');
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () => api.job(id ?? ''),
      enabled: id !== null
    }),
    queryKey
  );
}

/** The newest runs that a filter lets through. */
export function useNewestRuns(filter: IRunsFilter) {
  const { api } = useOrch();
  const queryKey = keys.runs(filter);
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () => api.runs({ ...filter, limit: RUNS })
    }),
    queryKey
  );
}

/** The parameters of a job's next run, with its own values as defaults. */
export function useSchema(job: string) {
  const { api } = useOrch();
  const queryKey = keys.schema(job);
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () => api.schema(job),
      gcTime: 0,
      refetchInterval: false,
      refetchOnWindowFocus: false
    }),
    queryKey
  );
}

/** What a backfill would do; null asks nothing. */
export function useBackfillPlan(asked: IBackfillRequest | null) {
  const { api } = useOrch();
  const queryKey = asked ? keys.backfillPlan(asked) : (['plan'] as const);
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () => api.planBackfill(asked!),
      enabled: asked !== null,
      retry: false,
      refetchInterval: false,
      placeholderData: keepPreviousData
    }),
    queryKey
  );
}

/** The backfills of a job, newest first. */
export function useBackfills(job: string) {
  const { api } = useOrch();
  const queryKey = keys.backfills(job);
  return useStoppable(
    useInfiniteQuery({
      queryKey,
      queryFn: ({ pageParam }) =>
        api.backfills({ job, cursor: pageParam, limit: BACKFILLS }),
      initialPageParam: null as string | null,
      getNextPageParam: page => page.next_cursor
    }),
    queryKey
  );
}

export function usePools(enabled = true) {
  const { api } = useOrch();
  const queryKey = keys.pools();
  return useStoppable(
    useQuery({ queryKey, queryFn: api.pools, enabled }),
    queryKey
  );
}

export function useChannels() {
  const { api } = useOrch();
  const queryKey = keys.channels();
  return useStoppable(useQuery({ queryKey, queryFn: api.channels }), queryKey);
}

export function useRun(id: string, enabled = true) {
  const { api } = useOrch();
  const queryKey = keys.run(id);
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () => api.run(id),
      refetchInterval: query => watching(query.state.data),
      enabled
    }),
    queryKey
  );
}

function watching(detail: IRunDetail | undefined): number | false {
  return detail && hasEnded(detail.run.state) ? POLL : WATCH;
}

/** Parts of a run that has ended never change. */
function growing(state: RunState): number | false {
  return hasEnded(state) ? false : WATCH;
}

/** What the running cell shows so far; asked for only where somebody sees it. */
export function useLive(id: string, enabled: boolean) {
  const { api } = useOrch();
  const client = useQueryClient();
  const queryKey = keys.runPart(id, 'live', 0);
  return useQuery({
    queryKey,
    queryFn: () => api.live(id, client.getQueryData(queryKey)),
    select: live => live.value,
    enabled,
    gcTime: 0,
    refetchInterval: LIVE
  });
}

export function useRunNotebook(id: string, attempt: number, state: RunState) {
  const { api } = useOrch();
  const client = useQueryClient();
  const queryKey = [
    ...keys.runPart(id, 'notebook', attempt),
    hasEnded(state)
  ] as const;
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () =>
        api.notebook(id, attempt || undefined, client.getQueryData(queryKey)),
      select: notebook => notebook.value,
      enabled: attempt > 0,
      refetchInterval: growing(state),
      placeholderData: keepPreviousData
    }),
    queryKey
  );
}

export function useRunLog(id: string, attempt: number, state: RunState) {
  const { api } = useOrch();
  const queryKey = [
    ...keys.runPart(id, 'log', attempt),
    hasEnded(state)
  ] as const;
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () => api.log(id, attempt || undefined),
      enabled: attempt > 0,
      refetchInterval: growing(state),
      placeholderData: keepPreviousData
    }),
    queryKey
  );
}

export function useTables() {
  const { api } = useOrch();
  const queryKey = keys.tables();
  return useStoppable(
    useInfiniteQuery({
      queryKey,
      queryFn: ({ pageParam }) => api.tables(pageParam),
      initialPageParam: null as string | null,
      getNextPageParam: page => page.next_cursor
    }),
    queryKey
  );
}

export function useVersions(table: string) {
  const { api } = useOrch();
  const queryKey = keys.versions(table);
  return useStoppable(
    useInfiniteQuery({
      queryKey,
      queryFn: ({ pageParam }) => api.versions(table, pageParam),
      initialPageParam: null as string | null,
      getNextPageParam: page => page.next_cursor
    }),
    queryKey
  );
}

/** A version never changes: it is read once. */
export function useTablePreview(table: string, version: string) {
  const { api } = useOrch();
  const queryKey = keys.preview(table, version);
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () => api.tablePreview(table, version),
      staleTime: Infinity,
      refetchInterval: false
    }),
    queryKey
  );
}

/** Two versions never change: they are compared once. Leaving ends the engine's work. */
export function useTableDiff(table: string, before: string, after: string) {
  const { api } = useOrch();
  const queryKey = keys.diff(table, before, after);
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: ({ signal }) => api.diff(table, before, after, signal),
      staleTime: Infinity,
      refetchInterval: false,
      retry: false
    }),
    queryKey
  );
}

/** What a notebook takes, read from the file when the asking component appears and when told to. */
export function useInspect(path: string, enabled = true) {
  const { api } = useOrch();
  const queryKey = keys.inspect(path);
  const query = useQuery({
    queryKey,
    queryFn: () => api.inspect(path),
    enabled,
    staleTime: 0,
    gcTime: 0,
    refetchInterval: false,
    refetchOnWindowFocus: false
  });
  // What somebody else read before may be older than the file.
  const data = query.isFetchedAfterMount ? query.data : undefined;
  return useStoppable({ ...query, data }, queryKey);
}

export function useFires(trigger: ITrigger) {
  const { api } = useOrch();
  const queryKey = keys.fires(trigger);
  return useStoppable(
    useQuery({
      queryKey,
      queryFn: () => api.preview(trigger),
      retry: false,
      refetchInterval: false,
      placeholderData: (previous, query) =>
        query?.queryKey[1] === trigger.id ? previous : undefined
    }),
    queryKey
  );
}
