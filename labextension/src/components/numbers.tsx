import * as React from 'react';

import { trans } from '../i18n';
import { Field } from './basics';
import { DurationBox, NumberBox } from './typed';

interface INumberField {
  label: string;
  description?: string;
  /** NaN where one is needed and none is typed. */
  value: number | null;
  fault: string | null;
  onChange: (value: number | null) => void;
}

function faultOf(props: INumberField): string | null {
  return Number.isNaN(props.value)
    ? trans.__('A number is needed.')
    : props.fault;
}

/** A labelled number. */
export function NumberField(props: INumberField & { min?: number }) {
  const { label, description, value } = props;
  return (
    <Field label={label} description={description} fault={faultOf(props)}>
      {aria => (
        <NumberBox
          aria={aria}
          min={props.min ?? 0}
          value={Number.isNaN(value) ? null : value}
          onChange={props.onChange}
        />
      )}
    </Field>
  );
}

/** A labelled length of time, in seconds. */
export function DurationField(props: INumberField) {
  const { label, description, value } = props;
  return (
    <Field label={label} description={description} fault={faultOf(props)}>
      {aria => (
        <DurationBox
          aria={aria}
          value={Number.isNaN(value) ? null : value}
          onChange={props.onChange}
        />
      )}
    </Field>
  );
}

/** One of a few values, by their words. */
export function ChoiceField<K extends string>(props: {
  label: string;
  description?: string;
  words: Record<K, string>;
  value: K;
  fault: string | null;
  onChange: (value: K) => void;
}) {
  return (
    <Field
      label={props.label}
      description={props.description}
      fault={props.fault}
    >
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
