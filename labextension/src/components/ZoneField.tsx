import * as React from 'react';

import { trans } from '../i18n';
import { zones } from '../logic/time';
import { Field } from './basics';

/** A time zone by its IANA name, with those that the browser knows to choose from. */
export function ZoneField(props: {
  value: string;
  fault: string | null;
  onChange: (zone: string) => void;
}) {
  const list = React.useId();
  const known = React.useMemo(zones, []);
  return (
    <Field label={trans.__('Time zone')} fault={props.fault}>
      {aria => (
        <>
          <input
            {...aria}
            type="text"
            list={list}
            className="jp-mod-styled"
            autoComplete="off"
            spellCheck={false}
            value={props.value}
            onChange={event => props.onChange(event.target.value)}
          />
          <datalist id={list}>
            {known.map(zone => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
