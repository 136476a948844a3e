import { addIcon, closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { trans } from '../i18n';
import {
  brief,
  fault,
  FIRST_EXPRESSION,
  IField,
  isExpression,
  read,
  same
} from '../logic/parameters';
import { localDay, localSecond } from '../logic/time';
import type { Json, Values } from '../tokens';
import { Button, Field, IAria, IconButton } from './basics';
import { useTyped } from './typed';

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
                {FIRST_EXPRESSION[field.kind] &&
                  !nil &&
                  !isExpression(value) && (
                    <button
                      type="button"
                      className="jp-orch-changed"
                      title={trans.__('Let each run take it from its interval')}
                      onClick={() =>
                        props.onChange(field.name, FIRST_EXPRESSION[field.kind])
                      }
                    >
                      {'{{ }}'}
                    </button>
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
export function startOf(field: IField): Json {
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
      return localDay(new Date());
    case 'date-time':
      return localSecond(new Date());
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
  // What stops to be an expression while it is typed stays text until it is a value.
  const [free, setFree] = React.useState(false);
  const asText = isExpression(value) || (free && fault(field, value) !== null);
  if (free !== asText) {
    setFree(asText);
  }
  const [text, type] = useTyped<Json | undefined>({
    value,
    write: brief,
    read: raw => read(field, raw),
    onChange: next => onChange(next ?? '')
  });
  const typing = {
    ...aria,
    className: 'jp-mod-styled',
    value: text,
    onChange: (event: { target: { value: string } }) => type(event.target.value)
  };
  switch (asText && field.kind !== 'json' ? 'text' : field.kind) {
    case 'boolean':
      // A box that is not ticked cannot show that nothing was chosen.
      return field.required ? (
        <Pick {...props} choices={[true, false]} words={yesNo()} />
      ) : (
        <input
          {...aria}
          key="box" // not the one that an expression is typed into
          type="checkbox"
          checked={value === true}
          onChange={event => onChange(event.target.checked)}
        />
      );
    case 'choice':
      return (
        <Pick
          {...props}
          choices={field.choices}
          words={field.choices.map(brief)}
        />
      );
    case 'integer':
    case 'number':
      return (
        <input
          {...typing}
          type="number"
          step={field.kind === 'integer' ? 1 : 'any'}
          min={field.minimum?.toString()}
          max={field.maximum?.toString()}
        />
      );
    case 'date':
      return <input {...typing} type="date" />;
    case 'date-time':
      return (
        <input
          {...typing}
          // A picker knows no offset: an instant that has one stays text.
          type={/(Z|[+-]\d\d:?\d\d)$/.test(text) ? 'text' : 'datetime-local'}
          step={1}
        />
      );
    case 'list':
      return <ListControl {...props} />;
    case 'json':
      return <textarea {...typing} rows={2} spellCheck={false} />;
    default:
      return <input {...typing} type="text" />;
  }
}

function yesNo(): string[] {
  return [trans.__('yes'), trans.__('no')];
}

/** One of a few values; until one is chosen, it says so. */
function Pick(props: IControl & { choices: Json[]; words: string[] }) {
  const { aria, value, choices, words, onChange } = props;
  const index = choices.findIndex(choice => same(choice, value));
  return (
    <select
      {...aria}
      className="jp-mod-styled"
      value={index}
      onChange={event => onChange(choices[Number(event.target.value)])}
    >
      {index < 0 && (
        <option value={-1} disabled>
          {value === undefined || value === ''
            ? trans.__('choose…')
            : brief(value)}
        </option>
      )}
      {words.map((word, position) => (
        <option key={position} value={position}>
          {word}
        </option>
      ))}
    </select>
  );
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
