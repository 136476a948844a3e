import {
  QueryClient,
  useMutationState,
  useQueryClient
} from '@tanstack/react-query';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import { ITagged, sentence } from '../api';
import { trans } from '../i18n';
import { keys } from '../queries';
import type { IJobSummary, IPage, IRun } from '../tokens';
import { useOrch } from './context';

export interface IJobActions {
  runNow(summary: IJobSummary): Promise<IRun | undefined>;
  setPaused(summary: IJobSummary, paused: boolean): Promise<void>;
  edit(summary: IJobSummary): void;
  remove(summary: IJobSummary): Promise<boolean>;
}

type Action = 'run' | 'pause' | 'delete';

/** What is being done to a job at this moment, wherever it was asked for. */
export function useBusy(job: string): Action | null {
  const [key] = useMutationState({
    filters: { mutationKey: ['job', job], status: 'pending' },
    select: mutation => mutation.options.mutationKey
  });
  return (key?.[2] as Action | undefined) ?? null;
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

    /** Does it unless it is being done, then shows what the server made of it. */
    const attempt = async <T>(
      job: string,
      action: Action,
      mutationFn: () => Promise<T>
    ): Promise<T | undefined> => {
      const mutationKey = ['job', job, action];
      if (client.isMutating({ mutationKey })) {
        return undefined;
      }
      try {
        return await client
          .getMutationCache()
          .build(client, { mutationKey, mutationFn })
          .execute(undefined as never);
      } catch (error) {
        orch.say(sentence(error), 'error');
        return undefined;
      } finally {
        void refresh();
      }
    };

    return {
      runNow: ({ job }) =>
        attempt(job.id, 'run', () => orch.api.runNow(job.id, UUID.uuid4())),
      setPaused: async ({ job }, paused) => {
        showPaused(client, job.id, paused);
        await attempt(job.id, 'pause', () =>
          paused ? orch.api.pause(job.id) : orch.api.resume(job.id)
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
        const done = await attempt(id, 'delete', async () => {
          await orch.api.deleteJob(id);
          return true;
        });
        return done ?? false;
      }
    };
  }, [client, orch]);
}

/** Shows the job as paused, or not, before the server has answered. */
function showPaused(client: QueryClient, id: string, paused: boolean): void {
  const turned = (item: IJobSummary): IJobSummary =>
    item.job.id === id ? { ...item, job: { ...item.job, paused } } : item;
  client.setQueriesData<IPage<IJobSummary>>(
    { queryKey: ['jobs'] },
    page => page && { ...page, items: page.items.map(turned) }
  );
  client.setQueryData<ITagged<IJobSummary>>(
    keys.job(id),
    tagged => tagged && { ...tagged, value: turned(tagged.value) }
  );
}
