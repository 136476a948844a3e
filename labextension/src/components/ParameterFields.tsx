import { addIcon, closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { trans } from '../i18n';
import { brief, fault, IField, same } from '../logic/parameters';
import type { Json, Values } from '../tokens';
import { Button, Field, IAria, IconButton } from './basics';

/** One control per parameter, typed, explained, and marked where it differs from `base`. */
export function ParameterFields(props: {
  fields: IField[];
  values: Values;
  onChange: (name: string, value: Json | undefined) => void;
  /** What the server says about a parameter. */
  faultOf?: (name: string) => string | null;
  /** The values to compare with: the notebook's, or those of the run before. */
  base: Values;
  baseWord: string;
}) {
  return (
    <>
      {props.fields.map(field => {
        const value = props.values[field.name];
        const base = props.base[field.name];
        const changed = !same(value, base);
        const nil = value === null;
        return (
          <Field
            key={field.name}
            label={field.title}
            description={field.description}
            fault={props.faultOf?.(field.name) ?? fault(field, value)}
            note={
              changed && (
                <button
                  type="button"
                  className="jp-orch-changed"
                  title={trans.__('Put it back')}
                  onClick={() => props.onChange(field.name, base)}
                >
                  {base === undefined
                    ? trans.__('changed ↺')
                    : trans.__('%1 %2 ↺', props.baseWord, brief(base))}
                </button>
              )
            }
          >
            {aria => (
              <div className="jp-orch-control">
                {!nil && (
                  <Control
                    field={field}
                    aria={aria}
                    value={value}
                    onChange={next => props.onChange(field.name, next)}
                  />
                )}
                {field.nullable && (
                  <label className="jp-orch-check">
                    <input
                      type="checkbox"
                      id={nil ? aria.id : undefined}
                      checked={nil}
                      onChange={event =>
                        props.onChange(
                          field.name,
                          event.target.checked ? null : startOf(field)
                        )
                      }
                    />
                    {trans.__('no value')}
                  </label>
                )}
              </div>
            )}
          </Field>
        );
      })}
    </>
  );
}

/** What a control shows when a value is first wanted. */
function startOf(field: IField): Json {
  if (field.fallback !== undefined && field.fallback !== null) {
    return field.fallback;
  }
  switch (field.kind) {
    case 'choice':
      return field.choices[0];
    case 'boolean':
      return false;
    case 'integer':
    case 'number':
      return field.minimum ?? 0;
    case 'list':
      return [];
    case 'date':
      return new Date().toISOString().slice(0, 10);
    case 'date-time':
      return new Date().toISOString().slice(0, 19);
    default:
      return '';
  }
}

interface IControl {
  field: IField;
  aria: IAria;
  value: Json | undefined;
  onChange: (value: Json) => void;
}

function Control(props: IControl) {
  const { field, aria, value, onChange } = props;
  const text = typeof value === 'string' ? value : brief(value);
  switch (field.kind) {
    case 'boolean':
      return (
        <input
          {...aria}
          type="checkbox"
          checked={value === true}
          onChange={event => onChange(event.target.checked)}
        />
      );
    case 'choice':
      return (
        <select
          {...aria}
          className="jp-mod-styled"
          value={field.choices.findIndex(choice => same(choice, value))}
          onChange={event =>
            onChange(field.choices[Number(event.target.value)])
          }
        >
          {field.choices.map((choice, index) => (
            <option key={index} value={index}>
              {brief(choice)}
            </option>
          ))}
        </select>
      );
    case 'integer':
    case 'number':
      return (
        <input
          {...aria}
          type="number"
          className="jp-mod-styled"
          step={field.kind === 'integer' ? 1 : 'any'}
          min={field.minimum}
          max={field.maximum}
          value={text}
          onChange={event => onChange(numberOrText(event.target.value))}
        />
      );
    case 'date':
      return (
        <input
          {...aria}
          type="date"
          className="jp-mod-styled"
          value={text}
          onChange={event => onChange(event.target.value)}
        />
      );
    case 'date-time':
      return (
        <input
          {...aria}
          // A picker knows no offset: an instant that has one stays text.
          type={/(Z|[+-]\d\d:?\d\d)$/.test(text) ? 'text' : 'datetime-local'}
          step={1}
          className="jp-mod-styled"
          value={text}
          onChange={event => onChange(event.target.value)}
        />
      );
    case 'list':
      return <ListControl {...props} />;
    case 'json':
      return (
        <textarea
          {...aria}
          className="jp-mod-styled"
          rows={2}
          spellCheck={false}
          value={text}
          onChange={event => onChange(jsonOrText(event.target.value))}
        />
      );
    default:
      return (
        <input
          {...aria}
          type="text"
          className="jp-mod-styled"
          value={text}
          onChange={event => onChange(event.target.value)}
        />
      );
  }
}

/** A half-typed number stays text, so that it can be finished; the check marks it. */
function numberOrText(raw: string): Json {
  return raw.trim() !== '' && Number.isFinite(Number(raw)) ? Number(raw) : raw;
}

function jsonOrText(raw: string): Json {
  try {
    const value = JSON.parse(raw) as Json;
    return typeof value === 'string' ? raw : value;
  } catch {
    return raw;
  }
}

function ListControl(props: IControl) {
  const { field, aria, onChange } = props;
  const items = Array.isArray(props.value) ? props.value : [];
  const element = field.items!;
  return (
    <div className="jp-orch-items" role="group" aria-label={field.title}>
      {items.map((item, index) => (
        <div key={index} className="jp-orch-item">
          <Control
            field={element}
            aria={{ ...aria, id: index ? `${aria.id}-${index}` : aria.id }}
            value={item}
            onChange={next =>
              onChange(items.map((old, i) => (i === index ? next : old)))
            }
          />
          <IconButton
            icon={closeIcon}
            label={trans.__('Remove item %1', index + 1)}
            onClick={() => onChange(items.filter((_, i) => i !== index))}
          />
        </div>
      ))}
      <Button
        kind="link"
        onClick={() => onChange([...items, startOf(element)])}
      >
        <addIcon.react tag="span" width="14px" height="14px" />
        {trans.__('Add')}
      </Button>
    </div>
  );
}
