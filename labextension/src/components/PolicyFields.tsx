import * as React from 'react';

import { trans } from '../i18n';
import {
  catchUpWords,
  failureWords,
  overlapSentences,
  overlapWords,
  policyLine
} from '../logic/policies';
import type { FailureClass, IPolicies } from '../tokens';
import { Fault } from './basics';
import { Fold } from './Fold';
import { ChoiceField, DurationField, NumberField } from './numbers';
import { PoolField } from './PoolField';

/** Whether no number is half typed. */
export function complete(policies: IPolicies): boolean {
  return !Object.values(policies).some(value => Number.isNaN(value));
}

/** The policies that have a control. */
export function shownPolicies(policies: IPolicies): string[] {
  return Object.keys(policies).filter(
    name =>
      (name !== 'max_catch_up' || policies.catch_up === 'all') &&
      (name !== 'max_parallel' || policies.overlap === 'parallel')
  );
}

/** How the job behaves when things do not go smoothly, folded until wanted. */
export function PolicyFields(props: {
  policies: IPolicies;
  onChange: (policies: IPolicies) => void;
  faultOf: (field: string) => string | null;
}) {
  const { policies, onChange, faultOf } = props;
  const set = (patch: Partial<IPolicies>) =>
    onChange({ ...policies, ...patch });
  const faulty =
    !complete(policies) || Object.keys(policies).some(key => faultOf(key));
  const time = (
    name: keyof IPolicies,
    label: string,
    description: string
  ): React.ReactElement => (
    <DurationField
      label={label}
      description={description}
      value={policies[name] as number | null}
      fault={faultOf(name)}
      onChange={seconds => set({ [name]: seconds })}
    />
  );
  return (
    <Fold
      title={trans.__('Policies')}
      note={[policyLine(policies)]}
      faulty={faulty}
    >
      <Group title={trans.__('When it fails')}>
        <NumberField
          label={trans.__('Retries')}
          description={trans.__('Further attempts after the first one failed.')}
          value={policies.retries}
          fault={faultOf('retries')}
          onChange={retries => set({ retries: retries ?? NaN })}
        />
        {policies.retries !== 0 && (
          <>
            <DurationField
              label={trans.__('Wait before the first retry')}
              value={policies.retry_delay_seconds}
              fault={faultOf('retry_delay_seconds')}
              onChange={wait => set({ retry_delay_seconds: wait ?? NaN })}
            />
            <NumberField
              label={trans.__('Each further wait is so many times longer')}
              min={1}
              value={policies.retry_backoff}
              fault={faultOf('retry_backoff')}
              onChange={factor => set({ retry_backoff: factor ?? NaN })}
            />
            <DurationField
              label={trans.__('Longest wait')}
              value={policies.retry_max_delay_seconds}
              fault={faultOf('retry_max_delay_seconds')}
              onChange={wait => set({ retry_max_delay_seconds: wait ?? NaN })}
            />
            <Classes
              chosen={policies.retry_on}
              fault={faultOf('retry_on')}
              onChange={retry_on => set({ retry_on })}
            />
          </>
        )}
      </Group>
      <Group title={trans.__('Time limits')}>
        {time(
          'timeout_seconds',
          trans.__('Of a run'),
          trans.__('Of each attempt. Empty: no limit.')
        )}
        {time(
          'cell_timeout_seconds',
          trans.__('Of a cell'),
          trans.__('Empty: no limit.')
        )}
        {time(
          'queue_timeout_seconds',
          trans.__('Of the wait for a worker'),
          trans.__('A run that waits longer fails. Empty: no limit.')
        )}
        {time(
          'late_after_seconds',
          trans.__('Late after'),
          trans.__(
            'A run that has not begun so long after it was due is late. Empty: never.'
          )
        )}
      </Group>
      <Group title={trans.__('While another run goes on')}>
        <ChoiceField
          label={trans.__('When the run before still runs')}
          description={overlapSentences()[policies.overlap]}
          words={overlapWords()}
          value={policies.overlap}
          fault={faultOf('overlap')}
          onChange={overlap =>
            set({
              overlap,
              // It means nothing with any other.
              max_parallel:
                overlap === 'parallel' ? policies.max_parallel : null
            })
          }
        />
        {policies.overlap === 'parallel' && (
          <NumberField
            label={trans.__('Runs at a time')}
            description={trans.__('Empty: no limit.')}
            min={1}
            value={policies.max_parallel}
            fault={faultOf('max_parallel')}
            onChange={max_parallel => set({ max_parallel })}
          />
        )}
        <PoolField
          value={policies.pool}
          fault={faultOf('pool')}
          onChange={pool => set({ pool })}
        />
        <NumberField
          label={trans.__('Priority')}
          description={trans.__('Higher ones are taken from the queue first.')}
          min={-1000}
          value={policies.priority}
          fault={faultOf('priority')}
          onChange={priority => set({ priority: priority ?? NaN })}
        />
      </Group>
      <Group title={trans.__('Missed times')}>
        <ChoiceField
          label={trans.__('After the service was down, make up')}
          description={trans.__(
            'The times that are not made up leave one line in the list of runs.'
          )}
          words={catchUpWords()}
          value={policies.catch_up}
          fault={faultOf('catch_up')}
          onChange={catch_up => set({ catch_up })}
        />
        {policies.catch_up === 'all' && (
          <NumberField
            label={trans.__('At most this many of them')}
            min={1}
            value={policies.max_catch_up}
            fault={faultOf('max_catch_up')}
            onChange={most => set({ max_catch_up: most ?? NaN })}
          />
        )}
        {policies.catch_up !== 'none' &&
          time(
            'max_staleness_seconds',
            trans.__('Never what is older than'),
            trans.__('Empty: however old.')
          )}
      </Group>
    </Fold>
  );
}

function Group(props: { title: string; children: React.ReactNode }) {
  return (
    <fieldset className="jp-orch-group">
      <legend>{props.title}</legend>
      {props.children}
    </fieldset>
  );
}

function Classes(props: {
  chosen: FailureClass[];
  fault: string | null;
  onChange: (chosen: FailureClass[]) => void;
}) {
  const { chosen, onChange } = props;
  const words = failureWords();
  return (
    <fieldset className="jp-orch-field">
      <legend>{trans.__('Try again after')}</legend>
      {(Object.keys(words) as FailureClass[]).map(name => (
        <label key={name} className="jp-orch-check">
          <input
            type="checkbox"
            checked={chosen.includes(name)}
            onChange={event =>
              onChange(
                event.target.checked
                  ? [...chosen, name]
                  : chosen.filter(one => one !== name)
              )
            }
          />
          {words[name]}
        </label>
      ))}
      <Fault
        text={
          chosen.length
            ? props.fault
            : trans.__('At least one; for none, set the retries to 0.')
        }
      />
    </fieldset>
  );
}
