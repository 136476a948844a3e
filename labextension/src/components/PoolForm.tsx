import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import type { IProblem } from '../api';
import { trans } from '../i18n';
import type { IPool } from '../tokens';
import { Button, Field } from './basics';
import { useOrch } from './context';
import { Problem } from './Fetched';
import { sorted } from './form';
import { NumberField } from './numbers';

const CONTROLS = new Set(['name', 'slots']);

/** Makes a pool, or changes how many slots one has. No form of its own: it may stand in one. */
export function PoolForm(props: {
  /** The pool that is changed; absent for a new one. */
  pool?: IPool;
  taken: IPool[];
  onDone: (made?: IPool) => void;
}) {
  const { pool, taken, onDone } = props;
  const orch = useOrch();
  const client = useQueryClient();
  const box = React.useRef<HTMLDivElement>(null);
  const [name, setName] = React.useState(pool?.name ?? '');
  const [slots, setSlots] = React.useState(pool ? pool.slots : 1);
  const [problems, setProblems] = React.useState<IProblem[]>([]);
  const [error, setError] = React.useState<unknown>(null);
  const [busy, setBusy] = React.useState(false);
  React.useEffect(() => box.current?.querySelector('input')?.focus(), []);
  const said = (field: string) =>
    problems.find(p => p.field === field)?.title ?? null;
  const same = !pool && taken.some(one => one.name === name.trim());
  const bad = !name.trim() || same || busy;
  const save = async () => {
    setBusy(true);
    setError(null);
    setProblems([]);
    try {
      const made = await orch.api.setPool(name.trim(), slots, pool);
      await client.invalidateQueries({ queryKey: ['pools'] });
      onDone(made);
    } catch (reason) {
      const [here, elsewhere] = sorted(reason, CONTROLS);
      setProblems(here);
      setError(elsewhere);
      setBusy(false);
    }
  };
  return (
    <div
      ref={box}
      className="jp-orch-inline"
      role="group"
      aria-label={
        pool ? trans.__('Change the pool %1', pool.name) : trans.__('New pool')
      }
      onKeyDown={event => {
        const typing = event.target instanceof HTMLInputElement;
        if (event.key === 'Enter' && typing) {
          event.preventDefault(); // it saves no form around this one
          if (!bad) {
            void save();
          }
        } else if (event.key === 'Escape') {
          event.preventDefault();
          event.stopPropagation();
          onDone();
        }
      }}
    >
      {!pool && (
        <Field
          label={trans.__('Name of the pool')}
          fault={
            same ? trans.__('There is a pool of that name.') : said('name')
          }
        >
          {aria => (
            <input
              {...aria}
              type="text"
              className="jp-mod-styled"
              value={name}
              onChange={event => setName(event.target.value)}
            />
          )}
        </Field>
      )}
      <NumberField
        label={trans.__('Slots')}
        description={trans.__('Runs at a time. Empty: no limit.')}
        value={slots}
        fault={said('slots')}
        onChange={setSlots}
      />
      {Boolean(error) && <Problem error={error} />}
      <div className="jp-orch-buttons">
        <Button onClick={() => onDone()}>{trans.__('Cancel')}</Button>
        <Button kind="accept" once disabled={bad} onClick={() => void save()}>
          {pool ? trans.__('Change') : trans.__('Make the pool')}
        </Button>
      </div>
    </div>
  );
}
