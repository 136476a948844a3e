import * as React from 'react';

import { trans } from '../i18n';
import { usePools } from '../queries';
import type { IPool } from '../tokens';
import { Button, Field } from './basics';
import { useOrch } from './context';
import { PoolForm } from './PoolForm';

/** The pool whose slots limit how many runs go on at a time; another one can be made here. */
export function PoolField(props: {
  value: string;
  fault: string | null;
  onChange: (pool: string) => void;
}) {
  const { value, onChange } = props;
  const orch = useOrch();
  const pools = usePools();
  const [making, setMaking] = React.useState(false);
  const select = React.useRef<HTMLSelectElement>(null);
  const known: IPool[] = pools.data ?? [];
  const there = known.some(pool => pool.name === value);
  const trouble = pools.data
    ? there
      ? null
      : trans.__('There is no pool %1 any more.', value)
    : pools.error
      ? trans.__('The pools cannot be read now.')
      : null;
  const close = (made?: IPool) => {
    setMaking(false);
    if (made) {
      onChange(made.name);
    }
    select.current?.focus();
  };
  return (
    <>
      <Field
        label={trans.__('Pool')}
        description={trans.__(
          'Its slots limit how many runs go on at a time, over all jobs that name it.'
        )}
        fault={props.fault ?? trouble}
        note={
          <Button kind="link" onClick={() => orch.open('pools', '')}>
            {trans.__('Show the pools')}
          </Button>
        }
      >
        {aria => (
          <select
            {...aria}
            ref={select}
            className="jp-mod-styled"
            value={value}
            onChange={event => onChange(event.target.value)}
          >
            {!there && <option value={value}>{value}</option>}
            {known.map(({ name, slots }) => (
              <option key={name} value={name}>
                {slots === null
                  ? name
                  : trans._n('%2, %1 slot', '%2, %1 slots', slots, name)}
              </option>
            ))}
          </select>
        )}
      </Field>
      {making ? (
        <PoolForm taken={known} onDone={close} />
      ) : (
        <p>
          <Button kind="link" onClick={() => setMaking(true)}>
            {trans.__('+ another pool')}
          </Button>
        </p>
      )}
    </>
  );
}
