import { useQueryClient } from '@tanstack/react-query';
import type { InfiniteData } from '@tanstack/react-query';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import { trans } from '../i18n';
import type { IJobSummary, IPage, IRun } from '../tokens';
import { useOrch } from './context';

export interface IJobActions {
  runNow(summary: IJobSummary): Promise<IRun | undefined>;
  setPaused(summary: IJobSummary, paused: boolean): Promise<void>;
  edit(summary: IJobSummary): void;
  remove(summary: IJobSummary): Promise<boolean>;
}

/** What people do to a job. Each answers at once, and says why when it is refused. */
export function useJobActions(): IJobActions {
  const orch = useOrch();
  const client = useQueryClient();
  return React.useMemo(() => {
    const refresh = () =>
      Promise.all(
        ['jobs', 'job', 'runs', 'status'].map(key =>
          client.invalidateQueries({ queryKey: [key] })
        )
      );

    /** Does it, then shows what the server made of it, refused or not. */
    const attempt = async <T>(action: () => Promise<T>) => {
      try {
        return await action();
      } catch (error) {
        orch.say(
          error instanceof Error ? error.message : String(error),
          'error'
        );
        return undefined;
      } finally {
        void refresh();
      }
    };

    const showPaused = (id: string, paused: boolean) =>
      client.setQueriesData<InfiniteData<IPage<IJobSummary>>>(
        { queryKey: ['jobs'] },
        data =>
          data && { ...data, pages: data.pages.map(withPaused(id, paused)) }
      );

    return {
      runNow: summary =>
        attempt(() => orch.api.runNow(summary.job.id, UUID.uuid4())),
      setPaused: async (summary, paused) => {
        const { id } = summary.job;
        showPaused(id, paused);
        await attempt(() =>
          paused ? orch.api.pause(id) : orch.api.resume(id)
        );
      },
      edit: summary => orch.view.set({ mode: 'edit', job: summary.job.id }),
      remove: async summary => {
        const { id, spec } = summary.job;
        const sure = await orch.confirm(
          trans.__('Delete the job “%1”?', spec.name),
          trans.__(
            'It will not run again. Its past runs and the tables it wrote stay.'
          ),
          trans.__('Delete')
        );
        if (!sure) {
          return false;
        }
        const done = await attempt(async () => {
          await orch.api.deleteJob(id);
          return true;
        });
        return done ?? false;
      }
    };
  }, [client, orch]);
}

function withPaused(id: string, paused: boolean) {
  return (page: IPage<IJobSummary>): IPage<IJobSummary> => ({
    ...page,
    items: page.items.map(item =>
      item.job.id === id ? { ...item, job: { ...item.job, paused } } : item
    )
  });
}
