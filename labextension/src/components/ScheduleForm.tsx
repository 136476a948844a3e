import { caretLeftIcon } from '@jupyterlab/ui-components';
import { useQueryClient } from '@tanstack/react-query';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import { trans } from '../i18n';
import { browserZone } from '../logic/time';
import { newTrigger } from '../logic/triggers';
import { useInspect, useJob } from '../queries';
import type { IJobSpec, INotebookInfo } from '../tokens';
import { IconButton } from './basics';
import { IDraft, useOrch } from './context';
import { Fetched, Problem, Skeleton } from './Fetched';
import { leaves } from './form';
import { JobForm } from './JobForm';
import { POLICIES } from '../logic/policies';

/** Schedules a notebook of the Lab. */
export function CreateForm(props: { notebook: string }) {
  const { notebook } = props;
  const orch = useOrch();
  const inspect = useInspect(notebook);
  const [round, startOver] = React.useReducer((n: number) => n + 1, 0);
  const id = `create:${notebook}`;
  return (
    <Frame title={trans.__('Schedule %1', fileName(notebook))}>
      <Fetched
        query={inspect}
        lines={10}
        label={trans.__('Reading the notebook…')}
      >
        {info => (
          <JobForm
            key={round}
            id={id}
            info={info}
            path={notebook}
            start={{
              spec: specOf(info, browserZone()),
              own: {},
              key: UUID.uuid4(),
              begun: null
            }}
            action={trans.__('Schedule')}
            save={draft => orch.api.createJob(draft.spec, draft.key)}
            startOver={() => {
              orch.drafts.delete(id);
              startOver();
            }}
          />
        )}
      </Fetched>
    </Frame>
  );
}

function specOf(info: INotebookInfo, zone: string): IJobSpec {
  return {
    name: info.name,
    notebook: info.path,
    source: 'tracking',
    kernel: null,
    parameters: {},
    triggers: [newTrigger(zone)],
    policies: POLICIES,
    notifications: [],
    description: ''
  };
}

/** Changes a job; a save by somebody else meanwhile is never overwritten. */
export function EditForm(props: { job: string }) {
  const id = `edit:${props.job}`;
  const orch = useOrch();
  const client = useQueryClient();
  const job = useJob(props.job);
  // The version on which the edit began: later ones do not slip under the form.
  const [begun, setBegun] = React.useState(
    () => orch.drafts.get(id)?.begun ?? null
  );
  const title = (begun?.job ?? job.data?.value.job)?.spec.name;
  const loaded = job.data;
  const fresh =
    begun === null && loaded && job.isFetchedAfterMount && !job.isFetching;
  React.useEffect(() => {
    if (fresh) {
      setBegun({ job: loaded.value.job, etag: loaded.etag });
    }
  }, [fresh, loaded]);
  const reload = async () => {
    orch.drafts.delete(id);
    await client.invalidateQueries({ queryKey: ['job', props.job] });
    setBegun(null);
  };
  return (
    <Frame title={title ? trans.__('Edit %1', title) : trans.__('Edit')}>
      {begun ? (
        <EditLoaded
          key={begun.etag}
          id={id}
          begun={begun}
          reload={() => void reload()}
        />
      ) : job.error ? (
        <Problem error={job.error} retry={() => void job.refetch()} />
      ) : (
        <Skeleton lines={10} label={trans.__('Reading the job…')} />
      )}
    </Frame>
  );
}

function EditLoaded(props: {
  id: string;
  begun: NonNullable<IDraft['begun']>;
  reload: () => void;
}) {
  const { begun } = props;
  const { job, etag } = begun;
  const orch = useOrch();
  const inspect = useInspect(job.spec.notebook);
  return (
    <Fetched
      query={inspect}
      lines={10}
      label={trans.__('Reading the notebook…')}
    >
      {info => (
        <JobForm
          id={props.id}
          info={info}
          path={null}
          start={{
            spec: job.spec,
            own: job.spec.parameters,
            key: '',
            begun
          }}
          action={trans.__('Save')}
          reload={props.reload}
          startOver={props.reload}
          save={async draft =>
            (await orch.api.updateJob(job.id, draft.spec, etag)).value
          }
        />
      )}
    </Fetched>
  );
}

/** Title, way back and scrolling body of a form. */
function Frame(props: { title: string; children: React.ReactNode }) {
  const orch = useOrch();
  const back = () => orch.view.set({ mode: 'list' });
  return (
    <div
      className="jp-orch-frame"
      onKeyDown={event => {
        if (leaves(event)) {
          back();
        }
      }}
    >
      <header className="jp-orch-toolbar">
        <IconButton
          icon={caretLeftIcon}
          label={trans.__('Back to the jobs')}
          onClick={back}
        />
        <h2 title={props.title}>{props.title}</h2>
      </header>
      {props.children}
    </div>
  );
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
