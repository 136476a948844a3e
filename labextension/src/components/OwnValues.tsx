import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { trans } from '../i18n';
import { brief, IField, withValue } from '../logic/parameters';
import type { Json, Values } from '../tokens';
import { IconButton } from './basics';
import { ParameterFields, startOf } from './ParameterFields';

/** Values that win over others: only those that are chosen are set, and all the rest follow `base`. */
export function OwnValues(props: {
  title: string;
  fields: IField[];
  own: Values;
  base: Values;
  baseWord: string;
  faultOf: (name: string) => string | null;
  onChange: (own: Values) => void;
}) {
  const { fields, own, base, onChange } = props;
  const box = React.useRef<HTMLFieldSetElement>(null);
  const free = fields.filter(({ name }) => !(name in own));
  const known = new Set(fields.map(({ name }) => name));
  const strange = Object.keys(own).filter(name => !known.has(name));
  const change = (name: string, value: Json | undefined) =>
    onChange(withValue(own, name, value));
  const remove = (name: string) => {
    change(name, undefined);
    box.current?.querySelector('select')?.focus();
  };
  const removal = (name: string) => (
    <IconButton
      icon={closeIcon}
      label={trans.__('Let %1 be as in the job', name)}
      onClick={() => remove(name)}
    />
  );
  if (!fields.length && !strange.length) {
    return null;
  }
  return (
    <fieldset ref={box} className="jp-orch-field">
      <legend>{props.title}</legend>
      {fields
        .filter(({ name }) => name in own)
        .map(field => (
          <div key={field.name} className="jp-orch-own">
            <ParameterFields
              fields={[field]}
              values={own}
              base={base}
              baseWord={props.baseWord}
              faultOf={props.faultOf}
              onChange={change}
            />
            {removal(field.name)}
          </div>
        ))}
      {strange.map(name => (
        <div key={name} className="jp-orch-own">
          <div className="jp-orch-fault" role="alert">
            {trans.__(
              'The notebook takes no %1 (now %2).',
              name,
              brief(own[name])
            )}
          </div>
          {removal(name)}
        </div>
      ))}
      {free.length > 0 && (
        <select
          className="jp-mod-styled"
          aria-label={trans.__('Set a parameter')}
          value=""
          onChange={event => {
            const field = free.find(({ name }) => name === event.target.value);
            if (field) {
              change(field.name, base[field.name] ?? startOf(field));
            }
          }}
        >
          <option value="">{trans.__('Set a parameter…')}</option>
          {free.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      )}
    </fieldset>
  );
}
