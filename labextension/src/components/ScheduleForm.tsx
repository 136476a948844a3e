import { caretLeftIcon } from '@jupyterlab/ui-components';
import { useQueryClient } from '@tanstack/react-query';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import { ApiError, IProblem } from '../api';
import { trans } from '../i18n';
import { fault, fieldsOf, ownValues, startValues } from '../logic/parameters';
import { browserZone } from '../logic/time';
import { newTrigger } from '../logic/triggers';
import { useInspect, useJob } from '../queries';
import type { IJob, IJobSpec, INotebookInfo, Values } from '../tokens';
import { Button, Fetched, Field, IconButton, Problem } from './basics';
import { useOrch, useSignal } from './context';
import { ParameterFields } from './ParameterFields';
import { POLICIES, PolicyFields } from './PolicyFields';
import { TriggerEditor } from './TriggerEditor';

/** Schedules a notebook of the Lab. */
export function CreateForm(props: { notebook: string }) {
  const inspect = useInspect(props.notebook);
  const file = fileName(props.notebook);
  return (
    <Frame title={trans.__('Schedule %1', file)}>
      <Fetched query={inspect} lines={10}>
        {info => (
          <Form
            info={info}
            path={props.notebook}
            start={draftOf(info, browserZone())}
            given={{}}
            action={trans.__('Schedule')}
            save={(api, spec, key) => api.createJob(spec, key)}
          />
        )}
      </Fetched>
    </Frame>
  );
}

function draftOf(info: INotebookInfo, zone: string): IJobSpec {
  return {
    name: info.name,
    notebook: info.path,
    source: 'tracking',
    kernel: null,
    parameters: {},
    triggers: [newTrigger(zone)],
    policies: POLICIES,
    description: ''
  };
}

/** Changes a job; a save by somebody else meanwhile is never overwritten. */
export function EditForm(props: { job: string }) {
  const client = useQueryClient();
  const job = useJob(props.job);
  const title = job.data?.value.job.spec.name;
  // The version on which the edit began: later ones do not slip under the form.
  const [begun, setBegun] = React.useState<{ job: IJob; etag: string } | null>(
    null
  );
  const loaded = job.data;
  const fresh = begun === null && loaded !== undefined && !job.isFetching;
  React.useEffect(() => {
    if (fresh) {
      setBegun({ job: loaded.value.job, etag: loaded.etag });
    }
  }, [fresh, loaded]);
  const reload = async () => {
    await client.invalidateQueries({ queryKey: ['job', props.job] });
    setBegun(null);
  };
  return (
    <Frame title={title ? trans.__('Edit %1', title) : trans.__('Edit')}>
      {begun ? (
        <EditLoaded
          key={begun.etag}
          job={begun.job}
          etag={begun.etag}
          reload={() => void reload()}
        />
      ) : (
        <Fetched query={{ ...job, data: undefined }} lines={10}>
          {() => null}
        </Fetched>
      )}
    </Frame>
  );
}

function EditLoaded(props: { job: IJob; etag: string; reload: () => void }) {
  const { job, etag } = props;
  const inspect = useInspect(job.spec.notebook);
  return (
    <Fetched query={inspect} lines={10}>
      {info => (
        <Form
          info={info}
          path={null}
          start={job.spec}
          given={job.spec.parameters}
          action={trans.__('Save')}
          reload={props.reload}
          save={async (api, spec) =>
            (await api.updateJob(job.id, spec, etag)).value
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
        if (event.key === 'Escape') {
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

type Save = (
  api: ReturnType<typeof useOrch>['api'],
  spec: IJobSpec,
  key: string
) => Promise<IJob>;

function Form(props: {
  info: INotebookInfo;
  /** The notebook's path in the Lab, where it is open. */
  path: string | null;
  start: IJobSpec;
  given: Values;
  action: string;
  save: Save;
  reload?: () => void;
}) {
  const { info } = props;
  const orch = useOrch();
  const client = useQueryClient();
  const fields = React.useMemo(() => fieldsOf(info.schema), [info.schema]);
  const [draft, setDraft] = React.useState(props.start);
  const [values, setValues] = React.useState(() =>
    startValues(fields, props.given)
  );
  const [problems, setProblems] = React.useState<IProblem[]>([]);
  const [refusal, setRefusal] = React.useState<unknown>(null);
  const [refused, setRefused] = React.useState<Record<string, boolean>>({});
  const [saving, setSaving] = React.useState(false);
  // One key for all tries of this form: a lost answer never makes a second job.
  const key = React.useRef(UUID.uuid4());

  const forget = (field: string) =>
    setProblems(all =>
      all.filter(p => p.field !== field && !p.field?.startsWith(`${field}.`))
    );
  const change = (patch: Partial<IJobSpec>) => {
    setDraft(old => ({ ...old, ...patch }));
    Object.keys(patch).forEach(forget);
  };
  const faultOf = (field: string) =>
    problems.find(p => p.field === field)?.title ?? null;
  const onVerdict = React.useCallback(
    (id: string, good: boolean) => setRefused(old => ({ ...old, [id]: !good })),
    []
  );
  const shown = new Set([
    ...['name', 'source', 'kernel'],
    ...fields.map(field => `parameters.${field.name}`),
    ...Object.keys(POLICIES).map(name => `policies.${name}`),
    ...draft.triggers.flatMap((_, i) =>
      ['cron', 'every_seconds', 'time_zone'].map(
        name => `triggers.${i}.${name}`
      )
    )
  ]);
  const elsewhere = problems.filter(p => !p.field || !shown.has(p.field));
  const bad =
    !draft.name.trim() ||
    problems.length > 0 ||
    fields.some(field => fault(field, values[field.name])) ||
    draft.triggers.some(trigger => refused[trigger.id]);

  const submit = async () => {
    setSaving(true);
    setRefusal(null);
    try {
      const spec = { ...draft, parameters: ownValues(fields, values) };
      const job = await props.save(orch.api, spec, key.current);
      await client.invalidateQueries();
      orch.say(trans.__('“%1” is saved.', job.spec.name), 'success');
      orch.view.set({ mode: 'list' });
    } catch (error) {
      if (
        error instanceof ApiError &&
        error.problems[0]?.field &&
        !error.staleWrite
      ) {
        setProblems(error.problems);
      } else {
        setRefusal(error);
      }
      setSaving(false);
    }
  };
  const stale = refusal instanceof ApiError && refusal.staleWrite;
  return (
    <form
      className="jp-orch-form"
      aria-label={props.action}
      noValidate
      onSubmit={event => {
        event.preventDefault();
        if (!bad && !saving) {
          void submit();
        }
      }}
    >
      <div className="jp-orch-scroll">
        {props.path && <Unsaved path={props.path} />}
        <Field label={trans.__('Name')} fault={faultOf('name')}>
          {aria => (
            <input
              {...aria}
              type="text"
              className="jp-mod-styled"
              value={draft.name}
              onChange={event => change({ name: event.target.value })}
            />
          )}
        </Field>
        <SourceField
          value={draft.source}
          onChange={source => change({ source })}
        />
        {draft.triggers.map((trigger, index) => (
          <TriggerEditor
            key={trigger.id}
            trigger={trigger}
            faultOf={name => faultOf(`triggers.${index}.${name}`)}
            onVerdict={onVerdict}
            onChange={next =>
              change({
                triggers: draft.triggers.map(t => (t.id === next.id ? next : t))
              })
            }
            onRemove={() =>
              change({
                triggers: draft.triggers.filter(t => t.id !== trigger.id)
              })
            }
          />
        ))}
        {!draft.triggers.length && (
          <p className="jp-orch-muted">
            {trans.__('Without a time the job runs when you start it.')}
          </p>
        )}
        <Button
          kind="link"
          onClick={() =>
            change({
              triggers: [
                ...draft.triggers,
                newTrigger(
                  draft.triggers[0]?.time_zone ?? browserZone(),
                  draft.triggers.map(t => t.id)
                )
              ]
            })
          }
        >
          {draft.triggers.length
            ? trans.__('+ another time')
            : trans.__('+ add a time')}
        </Button>
        <fieldset className="jp-orch-parameters">
          <legend>{trans.__('Parameters')}</legend>
          {!fields.length && (
            <p className="jp-orch-muted">
              {info.hint ?? trans.__('This notebook has no parameters.')}
            </p>
          )}
          <ParameterFields
            fields={fields}
            values={values}
            base={startValues(fields, {})}
            baseWord={trans.__('default')}
            faultOf={name => faultOf(`parameters.${name}`)}
            onChange={(name, value) => {
              setValues(old => {
                const next = { ...old };
                if (value === undefined) {
                  delete next[name];
                } else {
                  next[name] = value;
                }
                return next;
              });
              forget(`parameters.${name}`);
            }}
          />
        </fieldset>
        <Outputs tables={info.outputs} />
        <Field label={trans.__('Kernel')} fault={faultOf('kernel')}>
          {aria => (
            <select
              {...aria}
              className="jp-mod-styled"
              value={draft.kernel ?? ''}
              onChange={event => change({ kernel: event.target.value || null })}
            >
              <option value="">
                {trans.__('as the notebook says (%1)', info.kernel ?? '?')}
              </option>
              {info.kernels.map(kernel => (
                <option key={kernel.name} value={kernel.name}>
                  {kernel.display_name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <PolicyFields
          policies={draft.policies}
          onChange={policies => change({ policies })}
          faultOf={name => faultOf(`policies.${name}`)}
        />
      </div>
      <footer className="jp-orch-form-end">
        {elsewhere.map(problem => (
          <Problem
            key={`${problem.field} ${problem.title}`}
            error={new ApiError(422, 'bad_input', problem.title, [problem])}
          />
        ))}
        {Boolean(refusal) && !stale && <Problem error={refusal} />}
        {stale && (
          <div className="jp-orch-problem" role="alert">
            <strong>
              {trans.__('Somebody else saved this job meanwhile.')}
            </strong>
            <p>
              {trans.__(
                'Reload to see their version; your changes here are dropped.'
              )}
            </p>
            <Button onClick={props.reload}>{trans.__('Reload')}</Button>
          </div>
        )}
        <div className="jp-orch-buttons">
          <Button onClick={() => orch.view.set({ mode: 'list' })}>
            {trans.__('Cancel')}
          </Button>
          <Button kind="accept" submit disabled={bad || saving || stale}>
            {saving ? trans.__('Saving…') : props.action}
          </Button>
        </div>
      </footer>
    </form>
  );
}

/** A run reads the file, not the screen: say so while they differ. */
function Unsaved(props: { path: string }) {
  const { current } = useOrch();
  useSignal(current.changed);
  if (current.path !== props.path || !current.dirty) {
    return null;
  }
  return (
    <div className="jp-orch-problem" role="status">
      <p>
        {trans.__(
          'The notebook has unsaved changes; a run reads the saved file.'
        )}
      </p>
      <Button onClick={() => void current.save()}>
        {trans.__('Save the notebook')}
      </Button>
    </div>
  );
}

function SourceField(props: {
  value: IJobSpec['source'];
  onChange: (source: IJobSpec['source']) => void;
}) {
  const name = React.useId();
  const option = (source: IJobSpec['source'], label: string, help: string) => (
    <label className="jp-orch-check" title={help}>
      <input
        type="radio"
        name={name}
        checked={props.value === source}
        onChange={() => props.onChange(source)}
      />
      {label}
    </label>
  );
  return (
    <fieldset className="jp-orch-field">
      <legend>{trans.__('Source')}</legend>
      <div className="jp-orch-choices">
        {option(
          'tracking',
          trans.__('follow the file'),
          trans.__('Each run takes the notebook as it is then.')
        )}
        {option(
          'pinned',
          trans.__('pin this version'),
          trans.__('Each run takes the notebook as it is now.')
        )}
      </div>
    </fieldset>
  );
}

function Outputs(props: { tables: string[] }) {
  const orch = useOrch();
  if (!props.tables.length) {
    return null;
  }
  return (
    <div className="jp-orch-field">
      <div className="jp-orch-label">{trans.__('Writes to')}</div>
      {props.tables.map(table => (
        <div key={table}>
          <Button kind="link" onClick={() => orch.open('table', table)}>
            {table}
          </Button>
        </div>
      ))}
    </div>
  );
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
