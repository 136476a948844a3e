import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { ApiError, IProblem } from '../api';
import { trans } from '../i18n';
import {
  fault,
  fieldsOf,
  IField,
  ownValues,
  startValues,
  withValue
} from '../logic/parameters';
import type { IJob, IJobSpec, INotebookInfo, ITrigger, Json } from '../tokens';
import { Button, Field } from './basics';
import { IDraft, useOrch, useSignal } from './context';
import { Problem } from './Fetched';
import { sorted, useDraft } from './form';
import { noticeControls, NotificationFields } from './NotificationFields';
import { ParameterFields } from './ParameterFields';
import { complete, PolicyFields, shownPolicies } from './PolicyFields';
import { triggerControls } from './TriggerEditor';
import { TriggerList } from './TriggerList';

/** Everything that a job is made of, with what is wrong at its place. */
export function JobForm(props: {
  id: string;
  info: INotebookInfo;
  /** The notebook's path in the Lab, where it is open. */
  path: string | null;
  start: IDraft;
  action: string;
  save: (draft: IDraft) => Promise<IJob>;
  startOver: () => void;
  reload?: () => void;
}) {
  const { info } = props;
  const orch = useOrch();
  const client = useQueryClient();
  const { draft, setDraft, drop, resumed } = useDraft(props.id, props.start);
  const { spec, own } = draft;
  const { triggers } = spec;
  const fields = React.useMemo(
    () => needed(fieldsOf(info.schema), triggers),
    [info.schema, triggers]
  );
  const values = React.useMemo(() => startValues(fields, own), [fields, own]);
  /** What the server says of fields that have a control here. */
  const [problems, setProblems] = React.useState<IProblem[]>([]);
  /** Everything else that stood in the way of the last save. */
  const [refusal, setRefusal] = React.useState<unknown>(null);
  const [refused, setRefused] = React.useState<Record<string, boolean>>({});
  const [saving, setSaving] = React.useState(false);
  const stale = refusal instanceof ApiError && refusal.staleWrite;

  const forget = (field: string) => {
    setProblems(all =>
      all.filter(p => p.field !== field && !p.field?.startsWith(`${field}.`))
    );
    if (!stale) {
      setRefusal(null);
    }
  };
  const change = (patch: Partial<IJobSpec>) => {
    setDraft(old => ({ ...old, spec: { ...old.spec, ...patch } }));
    Object.keys(patch).forEach(forget);
  };
  const changeParameter = (name: string, value: Json | undefined) => {
    setDraft(old => ({ ...old, own: withValue(old.own, name, value) }));
    forget(`parameters.${name}`);
  };
  const faultOf = (field: string) =>
    problems.find(p => p.field === field || p.field?.startsWith(`${field}.`))
      ?.title ?? null;
  const onVerdict = React.useCallback(
    (id: string, good: boolean) => setRefused(old => ({ ...old, [id]: !good })),
    []
  );
  const bad =
    !spec.name.trim() ||
    problems.length > 0 ||
    fields.some(field => fault(field, values[field.name])) ||
    !complete(spec.policies) ||
    !spec.policies.retry_on.length ||
    triggers.some(trigger => refused[trigger.id]);

  const submit = async () => {
    setSaving(true);
    setRefusal(null);
    try {
      const parameters = ownValues(fields, values);
      const job = await props.save({ ...draft, spec: { ...spec, parameters } });
      drop();
      void client.invalidateQueries();
      orch.say(trans.__('“%1” is saved.', job.spec.name), 'success');
      orch.view.set({ mode: 'list' });
    } catch (error) {
      const [here, elsewhere] = sorted(error, controlsOf(spec, fields));
      setProblems(here);
      setRefusal(elsewhere);
      setSaving(false);
    }
  };
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
        {resumed && (
          <div className="jp-orch-problem" role="status">
            <p>{trans.__('Here is what you had typed before.')}</p>
            <Button onClick={props.startOver}>{trans.__('Start over')}</Button>
          </div>
        )}
        {props.path && <Unsaved path={props.path} />}
        <Field label={trans.__('Name')} fault={faultOf('name')}>
          {aria => (
            <input
              {...aria}
              type="text"
              className="jp-mod-styled"
              value={spec.name}
              onChange={event => change({ name: event.target.value })}
            />
          )}
        </Field>
        <SourceField
          value={spec.source}
          onChange={source => change({ source })}
        />
        <TriggerList
          triggers={triggers}
          fields={fields}
          values={values}
          faultOf={faultOf}
          onVerdict={onVerdict}
          onChange={next => change({ triggers: next })}
        />
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
            onChange={changeParameter}
          />
        </fieldset>
        <Outputs tables={info.outputs} />
        <Field label={trans.__('Kernel')} fault={faultOf('kernel')}>
          {aria => (
            <select
              {...aria}
              className="jp-mod-styled"
              value={spec.kernel ?? ''}
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
          policies={spec.policies}
          onChange={policies => change({ policies })}
          faultOf={name => faultOf(`policies.${name}`)}
        />
        <NotificationFields
          notifications={spec.notifications}
          tolerant={spec.policies.late_after_seconds !== null}
          faultOf={name => faultOf(`notifications.${name}`)}
          onChange={notifications => change({ notifications })}
        />
      </div>
      <footer className="jp-orch-form-end">
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
          <Button
            onClick={() => {
              drop();
              orch.view.set({ mode: 'list' });
            }}
          >
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

/** The fields of a job that a person can mend in the form as it stands. */
function controlsOf(spec: IJobSpec, fields: IField[]): Set<string> {
  return new Set([
    ...['name', 'source', 'kernel'],
    ...fields.map(field => `parameters.${field.name}`),
    ...shownPolicies(spec.policies).map(name => `policies.${name}`),
    ...noticeControls(spec.notifications),
    ...spec.triggers.flatMap((trigger, i) =>
      triggerControls(trigger).map(name => `triggers.${i}.${name}`)
    )
  ]);
}

/** The job may leave open what each of its triggers gives. */
function needed(fields: IField[], triggers: ITrigger[]): IField[] {
  const given = (name: string) =>
    triggers.length > 0 && triggers.every(t => name in (t.parameters ?? {}));
  return fields.map(field =>
    field.required && given(field.name) ? { ...field, required: false } : field
  );
}

/** A run reads the file, not the screen: say so while they differ. */
function Unsaved(props: { path: string }) {
  const { current } = useOrch();
  const client = useQueryClient();
  useSignal(current.changed);
  const dirty = current.path === props.path && current.dirty;
  const was = React.useRef(dirty);
  React.useEffect(() => {
    if (was.current && !dirty) {
      // It was saved: what it takes may be something else now.
      void client.invalidateQueries({ queryKey: ['inspect'] });
    }
    was.current = dirty;
  }, [client, dirty]);
  if (!dirty) {
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
