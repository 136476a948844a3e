import {
  keepPreviousData,
  QueryClient,
  useInfiniteQuery,
  useQuery
} from '@tanstack/react-query';

import { ApiError } from './api';
import { useOrch } from './components/context';
import type { IChange, IRunDetail, ITrigger, RunState } from './tokens';
import { writeExact } from './logic/exact';
import { hasEnded } from './logic/states';

/** Without news from the event bus everything in view is asked again after this, in milliseconds. */
const POLL = 15_000;
/** A run that goes on shows its log and notebook growing, in milliseconds. */
const WATCH = 2_000;

/** Names of cached answers; the first word decides what a change makes stale. */
export const keys = {
  lab: () => ['lab'] as const,
  status: () => ['status'] as const,
  jobs: (filter: { search?: string; notebook?: string }) =>
    ['jobs', filter.search ?? '', filter.notebook ?? ''] as const,
  job: (id: string) => ['job', id] as const,
  runs: (job: string) => ['runs', job] as const,
  run: (id: string) => ['run', id] as const,
  runPart: (id: string, part: 'notebook' | 'log', attempt: number) =>
    ['run', id, part, attempt] as const,
  tables: () => ['tables'] as const,
  versions: (table: string) => ['table', table, 'versions'] as const,
  preview: (table: string, version: string) =>
    ['table', table, 'preview', version] as const,
  inspect: (path: string) => ['inspect', path] as const,
  // As text: a key may hold no `bigint`.
  fires: (trigger: ITrigger) =>
    ['fires', trigger.id, writeExact(trigger)] as const
};

/** The answers that a change makes stale. */
export function staleAfter(change: Pick<IChange, 'kind' | 'key'>): string[][] {
  switch (change.kind) {
    case 'job':
      return [['jobs'], ['job', change.key], ['status']];
    case 'run':
      return [['jobs'], ['job'], ['runs'], ['run', change.key], ['status']];
    case 'table':
      return [['tables'], ['table', change.key]];
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

export function useLab() {
  const { api } = useOrch();
  return useQuery({ queryKey: keys.lab(), queryFn: api.lab });
}

export function useStatus() {
  const { api } = useOrch();
  return useQuery({ queryKey: keys.status(), queryFn: api.status });
}

export function useJobs(filter: { search?: string; notebook?: string }) {
  const { api } = useOrch();
  return useInfiniteQuery({
    queryKey: keys.jobs(filter),
    queryFn: ({ pageParam }) =>
      api.jobs({ ...filter, cursor: pageParam, limit: 100 }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next_cursor,
    placeholderData: keepPreviousData
  });
}

export function useJob(id: string | null) {
  const { api } = useOrch();
  return useQuery({
    queryKey: keys.job(id ?? ''),
    queryFn: () => api.job(id ?? ''),
    enabled: id !== null
  });
}

export function useRuns(job: string) {
  const { api } = useOrch();
  return useInfiniteQuery({
    queryKey: keys.runs(job),
    queryFn: ({ pageParam }) => api.runs({ job, cursor: pageParam, limit: 50 }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next_cursor
  });
}

export function useRun(id: string) {
  const { api } = useOrch();
  return useQuery({
    queryKey: keys.run(id),
    queryFn: () => api.run(id),
    refetchInterval: query => watching(query.state.data)
  });
}

function watching(detail: IRunDetail | undefined): number | false {
  return detail && hasEnded(detail.run.state) ? POLL : WATCH;
}

/** Parts of a run that has ended never change. */
function growing(state: RunState): number | false {
  return hasEnded(state) ? false : WATCH;
}

export function useRunNotebook(id: string, attempt: number, state: RunState) {
  const { api } = useOrch();
  return useQuery({
    queryKey: [...keys.runPart(id, 'notebook', attempt), hasEnded(state)],
    queryFn: () => api.notebook(id, attempt || undefined),
    enabled: attempt > 0,
    refetchInterval: growing(state),
    placeholderData: keepPreviousData
  });
}

export function useRunLog(id: string, attempt: number, state: RunState) {
  const { api } = useOrch();
  return useQuery({
    queryKey: [...keys.runPart(id, 'log', attempt), hasEnded(state)],
    queryFn: () => api.log(id, attempt || undefined),
    enabled: attempt > 0,
    refetchInterval: growing(state),
    placeholderData: keepPreviousData
  });
}

export function useTables() {
  const { api } = useOrch();
  return useQuery({ queryKey: keys.tables(), queryFn: api.tables });
}

export function useVersions(table: string) {
  const { api } = useOrch();
  return useInfiniteQuery({
    queryKey: keys.versions(table),
    queryFn: ({ pageParam }) => api.versions(table, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next_cursor
  });
}

/** A version never changes: it is read once. */
export function useTablePreview(table: string, version: string) {
  const { api } = useOrch();
  return useQuery({
    queryKey: keys.preview(table, version),
    queryFn: () => api.tablePreview(table, version),
    staleTime: Infinity,
    refetchInterval: false
  });
}

export function useInspect(path: string) {
  const { api } = useOrch();
  return useQuery({
    queryKey: keys.inspect(path),
    queryFn: () => api.inspect(path),
    staleTime: 0,
    refetchInterval: false,
    refetchOnWindowFocus: false
  });
}

export function useFires(trigger: ITrigger) {
  const { api } = useOrch();
  return useQuery({
    queryKey: keys.fires(trigger),
    queryFn: () => api.preview(trigger),
    retry: false,
    refetchInterval: false,
    placeholderData: (previous, query) =>
      query?.queryKey[1] === trigger.id ? previous : undefined
  });
}
