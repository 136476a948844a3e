import * as React from 'react';

import { trans } from '../i18n';
import type { IPolicies } from '../tokens';
import { Field } from './basics';
import { NumberBox } from './typed';

export const POLICIES: IPolicies = {
  retries: 0,
  retry_delay_seconds: 10,
  timeout_seconds: null,
  cell_timeout_seconds: null,
  catch_up: 'latest',
  max_catch_up: 100,
  overlap: 'queue'
};

/** The policies in one line, for the closed fold. */
export function policyLine(policies: IPolicies): string {
  const { retries, timeout_seconds: timeout } = policies;
  return [
    retries > 0
      ? trans._n('%1 retry', '%1 retries', retries)
      : trans.__('no retry'),
    timeout
      ? trans.__('stops after %1 min', Math.round(timeout / 6) / 10)
      : trans.__('no time limit'),
    overlapWords()[policies.overlap],
    trans.__('catch up: %1', policies.catch_up)
  ].join(' · ');
}

function overlapWords(): Record<IPolicies['overlap'], string> {
  return {
    queue: trans.__('wait for the run before'),
    skip: trans.__('skip if still running'),
    cancel_running: trans.__('stop the run before'),
    latest_only: trans.__('wait, and drop those that wait already'),
    parallel: trans.__('run side by side')
  };
}

function catchUpWords(): Record<IPolicies['catch_up'], string> {
  return {
    none: trans.__('nothing'),
    latest: trans.__('the latest missed run'),
    all: trans.__('every missed run')
  };
}

/** Whether no number is half typed. */
export function complete(policies: IPolicies): boolean {
  return !Object.values(policies).some(value => Number.isNaN(value));
}

/** The policies that have a control. */
export function shownPolicies(policies: IPolicies): string[] {
  return Object.keys(POLICIES).filter(
    name => name !== 'max_catch_up' || policies.catch_up === 'all'
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
  const [open, setOpen] = React.useState(false);
  return (
    <details
      className="jp-orch-fold"
      open={open || faulty}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>
        {trans.__('Policies')}
        <span className="jp-orch-muted"> {policyLine(policies)}</span>
      </summary>
      <NumberField
        label={trans.__('Retries')}
        description={trans.__('Further attempts after the first one failed.')}
        value={policies.retries}
        fault={faultOf('retries')}
        onChange={retries => set({ retries: retries ?? NaN })}
      />
      <NumberField
        label={trans.__('Wait before a retry, in seconds')}
        value={policies.retry_delay_seconds}
        fault={faultOf('retry_delay_seconds')}
        onChange={wait => set({ retry_delay_seconds: wait ?? NaN })}
      />
      <NumberField
        label={trans.__('Time limit of a run, in seconds')}
        description={trans.__('Empty: no limit.')}
        value={policies.timeout_seconds}
        fault={faultOf('timeout_seconds')}
        onChange={timeout_seconds => set({ timeout_seconds })}
      />
      <NumberField
        label={trans.__('Time limit of a cell, in seconds')}
        description={trans.__('Empty: no limit.')}
        value={policies.cell_timeout_seconds}
        fault={faultOf('cell_timeout_seconds')}
        onChange={cell_timeout_seconds => set({ cell_timeout_seconds })}
      />
      <Choice
        label={trans.__('When the run before still runs')}
        words={overlapWords()}
        value={policies.overlap}
        fault={faultOf('overlap')}
        onChange={overlap => set({ overlap })}
      />
      <Choice
        label={trans.__('After the service was down, make up')}
        words={catchUpWords()}
        value={policies.catch_up}
        fault={faultOf('catch_up')}
        onChange={catch_up => set({ catch_up })}
      />
      {policies.catch_up === 'all' && (
        <NumberField
          label={trans.__('At most this many of them')}
          value={policies.max_catch_up}
          fault={faultOf('max_catch_up')}
          onChange={most => set({ max_catch_up: most ?? NaN })}
        />
      )}
    </details>
  );
}

function NumberField(props: {
  label: string;
  description?: string;
  value: number | null;
  fault: string | null;
  onChange: (value: number | null) => void;
}) {
  const { value, fault, ...field } = props;
  const missing = Number.isNaN(value);
  return (
    <Field {...field} fault={missing ? trans.__('A number is needed.') : fault}>
      {aria => (
        <NumberBox
          aria={aria}
          min={0}
          value={missing ? null : value}
          onChange={props.onChange}
        />
      )}
    </Field>
  );
}

function Choice<K extends string>(props: {
  label: string;
  words: Record<K, string>;
  value: K;
  fault: string | null;
  onChange: (value: K) => void;
}) {
  return (
    <Field label={props.label} fault={props.fault}>
      {aria => (
        <select
          {...aria}
          className="jp-mod-styled"
          value={props.value}
          onChange={event => props.onChange(event.target.value as K)}
        >
          {(Object.keys(props.words) as K[]).map(key => (
            <option key={key} value={key}>
              {props.words[key]}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
