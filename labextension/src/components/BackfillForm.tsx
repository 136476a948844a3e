import { useQueryClient } from '@tanstack/react-query';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import { ApiError, IProblem } from '../api';
import { trans } from '../i18n';
import { asked, askedNothing, gapsOf, IAsked } from '../logic/backfill';
import { fault, fieldsOf, startValues } from '../logic/parameters';
import { describe } from '../logic/triggerWords';
import { useBackfillPlan, useSchema } from '../queries';
import type { BackfillOnly, IBackfillPlan, IJob } from '../tokens';
import { BackfillPlan } from './BackfillPlan';
import { Button, Fault, Field } from './basics';
import { useOrch } from './context';
import { Problem, Skeleton } from './Fetched';
import { Fold } from './Fold';
import { leaves, sorted } from './form';
import { NumberField } from './numbers';
import { OwnValues } from './OwnValues';

/** The server is asked for the plan when typing has paused this long, in milliseconds. */
const TYPING = 400;
/** More runs than this want a second look. */
const MANY = 500;

const CONTROLS = ['first', 'last', 'trigger', 'concurrency', 'priority'];

function onlyWords(): Record<BackfillOnly, string> {
  return {
    missing_or_failed: trans.__('those that are missing or failed'),
    missing: trans.__('only those that are missing'),
    all: trans.__('all of them, again')
  };
}

/** Runs past intervals of a job: planned as it is typed, begun when it is confirmed. */
export function BackfillForm(props: {
  job: IJob;
  onClose: () => void;
  onBegun: () => void;
}) {
  const { job } = props;
  const { triggers } = job.spec;
  const orch = useOrch();
  const client = useQueryClient();
  const box = React.useRef<HTMLFormElement>(null);
  const [wish, setWish] = React.useState<IAsked>(() => askedNothing(job));
  const [problems, setProblems] = React.useState<IProblem[]>([]);
  const [error, setError] = React.useState<unknown>(null);
  const [busy, setBusy] = React.useState(false);
  const [sure, setSure] = React.useState(false);
  const key = React.useRef(UUID.uuid4());
  const schema = useSchema(job.id);
  const fields = React.useMemo(
    () => fieldsOf(schema.data ?? {}),
    [schema.data]
  );
  const trigger = triggers.find(({ id }) => id === wish.trigger) ?? triggers[0];
  const gaps = gapsOf(wish);
  const fits = fields.every(
    field =>
      !(field.name in wish.parameters) ||
      !fault(field, wish.parameters[field.name])
  );
  const whole = !Object.keys(gaps).length && fits;
  const settled = useLater(whole ? wish : null);
  const plan = useBackfillPlan(settled && asked(settled, job, trigger));
  const refusal =
    plan.error instanceof ApiError && plan.error.status === 422
      ? plan.error
      : null;
  const current = whole && settled === wish && !plan.isPlaceholderData;
  const large = plan.data && (plan.data.needs_confirm || plan.data.runs > MANY);
  const bad =
    busy ||
    !current ||
    Boolean(plan.error) ||
    !plan.data?.runs ||
    (large && !sure);

  React.useEffect(() => {
    box.current?.querySelector<HTMLElement>('select, input')?.focus();
    box.current?.scrollIntoView?.({ block: 'nearest' });
  }, []);
  const change = (patch: Partial<IAsked>) => {
    setWish(old => ({ ...old, ...patch }));
    setProblems([]);
    setError(null);
    setSure(false);
  };
  const said = (field: string) =>
    problems.find(p => p.field === field)?.title ??
    refusal?.problems.find(p => p.field === field)?.title ??
    null;
  const elsewhere = refusal?.problems.find(
    ({ field }) =>
      !CONTROLS.includes(field ?? '') && !field?.startsWith('parameters.')
  );
  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      const body = { ...asked(wish, job, trigger), confirm: sure };
      await orch.api.createBackfill(body, key.current);
      void client.invalidateQueries();
      props.onBegun();
    } catch (reason) {
      const names = fields.map(({ name }) => `parameters.${name}`);
      const [here, others] = sorted(reason, new Set([...CONTROLS, ...names]));
      setProblems(here);
      setError(others);
      setBusy(false);
    }
  };
  const day = (name: 'first' | 'last', label: string) => (
    <Field label={label} fault={gaps[name] ?? said(name)}>
      {aria => (
        <input
          {...aria}
          type={wish.timed ? 'datetime-local' : 'date'}
          className="jp-mod-styled"
          value={wish[name]}
          onChange={event => change({ [name]: event.target.value })}
        />
      )}
    </Field>
  );
  return (
    <form
      ref={box}
      className="jp-orch-rerun"
      aria-label={trans.__('Backfill')}
      noValidate
      onKeyDown={event => {
        // What was picked is not thrown away by a key.
        if (leaves(event) && !wish.first && !wish.last) {
          props.onClose();
        }
      }}
      onSubmit={event => {
        event.preventDefault();
        if (!bad) {
          void submit();
        }
      }}
    >
      <h2>{trans.__('Run past intervals of %1', job.spec.name)}</h2>
      <div className="jp-orch-rerun-fields">
        {triggers.length > 1 && (
          <Field label={trans.__('Of which time')} fault={said('trigger')}>
            {aria => (
              <select
                {...aria}
                className="jp-mod-styled"
                value={trigger.id}
                onChange={event => change({ trigger: event.target.value })}
              >
                {triggers.map(one => (
                  <option key={one.id} value={one.id}>
                    {describe(one)} ({one.id})
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {day('first', wish.timed ? trans.__('From') : trans.__('First day'))}
        {day('last', wish.timed ? trans.__('To') : trans.__('Last day'))}
      </div>
      <label className="jp-orch-check">
        <input
          type="checkbox"
          checked={wish.timed}
          onChange={event =>
            change({
              timed: event.target.checked,
              first: event.target.checked
                ? wish.first && `${wish.first}T00:00`
                : wish.first.slice(0, 10),
              last: event.target.checked
                ? wish.last && `${wish.last}T23:59`
                : wish.last.slice(0, 10)
            })
          }
        />
        {trans.__('to the minute, on the clock of %1', trigger.time_zone)}
      </label>
      <Which
        value={wish.only}
        plan={current ? plan.data : undefined}
        onChange={only => change({ only })}
      />
      <Fold
        title={trans.__('More')}
        faulty={Boolean(
          gaps.concurrency ||
          gaps.priority ||
          !fits ||
          problems.some(p => p.field?.startsWith('parameters.'))
        )}
      >
        <div className="jp-orch-rerun-fields">
          <NumberField
            label={trans.__('Runs at a time')}
            description={trans.__('Beside what the schedule runs.')}
            min={1}
            value={wish.concurrency}
            fault={said('concurrency')}
            onChange={n => change({ concurrency: n ?? NaN })}
          />
          <NumberField
            label={trans.__('Priority')}
            description={trans.__(
              'Below 0, what is due today comes before it.'
            )}
            min={-1000000}
            value={wish.priority}
            fault={said('priority')}
            onChange={n => change({ priority: n ?? NaN })}
          />
        </div>
        <label className="jp-orch-check">
          <input
            type="checkbox"
            checked={wish.newest}
            onChange={event => change({ newest: event.target.checked })}
          />
          {trans.__('the latest interval first')}
        </label>
        <label className="jp-orch-check">
          <input
            type="checkbox"
            checked={wish.latestNotebook}
            onChange={event => change({ latestNotebook: event.target.checked })}
          />
          {trans.__(
            'each run takes the notebook as it is then, not as it is now'
          )}
        </label>
        {schema.error && !schema.data ? (
          <Problem error={schema.error} retry={() => void schema.refetch()} />
        ) : schema.data ? (
          <OwnValues
            title={trans.__('Other parameters than the job has')}
            fields={fields}
            own={wish.parameters}
            base={startValues(fields, trigger.parameters ?? {})}
            baseWord={trans.__('job')}
            faultOf={name => said(`parameters.${name}`)}
            onChange={parameters => change({ parameters })}
          />
        ) : (
          <Skeleton lines={1} label={trans.__('Reading the notebook…')} />
        )}
      </Fold>
      <div className="jp-orch-plan" role="status">
        {elsewhere && <Fault text={elsewhere.title} />}
        {whole && !refusal && Boolean(plan.error) && (
          <Problem error={plan.error} retry={() => void plan.refetch()} />
        )}
        {whole && !plan.error && plan.data && (
          <div data-outdated={!current}>
            <BackfillPlan plan={plan.data} zone={trigger.time_zone} />
          </div>
        )}
        {whole && !plan.error && !plan.data && (
          <Skeleton lines={3} label={trans.__('Counting the intervals…')} />
        )}
      </div>
      {large && (
        <label className="jp-orch-check">
          <input
            type="checkbox"
            checked={sure}
            onChange={event => setSure(event.target.checked)}
          />
          {trans.__(
            'Yes, %1 intervals and %2 runs are meant',
            plan.data!.intervals.toLocaleString('en'),
            plan.data!.runs.toLocaleString('en')
          )}
        </label>
      )}
      {Boolean(error) && <Problem error={error} />}
      <div className="jp-orch-buttons">
        <Button onClick={props.onClose}>{trans.__('Close')}</Button>
        <Button kind="accept" submit disabled={Boolean(bad)}>
          {busy
            ? trans.__('Starting…')
            : current && plan.data
              ? trans._n('Start %1 run', 'Start %1 runs', plan.data.runs)
              : trans.__('Start')}
        </Button>
      </div>
    </form>
  );
}

function Which(props: {
  value: BackfillOnly;
  plan: IBackfillPlan | undefined;
  onChange: (only: BackfillOnly) => void;
}) {
  const { plan } = props;
  const name = React.useId();
  const words = onlyWords();
  const counts = plan && {
    missing: plan.missing,
    missing_or_failed: plan.missing + plan.failed,
    all: plan.intervals
  };
  return (
    <fieldset className="jp-orch-field">
      <legend>{trans.__('Which of these intervals')}</legend>
      {(Object.keys(words) as BackfillOnly[]).map(only => (
        <label key={only} className="jp-orch-check">
          <input
            type="radio"
            name={name}
            checked={props.value === only}
            onChange={() => props.onChange(only)}
          />
          {words[only]}
          {counts && (
            <span className="jp-orch-muted">
              {counts[only].toLocaleString('en')}
            </span>
          )}
        </label>
      ))}
    </fieldset>
  );
}

/** The value once it has not changed for a while. */
function useLater(value: IAsked | null): IAsked | null {
  const [settled, settle] = React.useState(value);
  React.useEffect(() => {
    const timer = window.setTimeout(() => settle(value), TYPING);
    return () => window.clearTimeout(timer);
  }, [value]);
  return settled;
}
