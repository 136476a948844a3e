import { addIcon, deleteIcon, editIcon } from '@jupyterlab/ui-components';
import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { sentence } from '../api';
import { trans } from '../i18n';
import { poolIcon } from '../icons';
import { usePools } from '../queries';
import type { IPool } from '../tokens';
import { Button, IconButton } from './basics';
import { useOrch } from './context';
import { Fetched } from './Fetched';
import { PoolForm } from './PoolForm';

/** Every job is in this one unless it names another. */
const DEFAULT = 'default';

/** Pools: how many runs go on at a time, and how many wait for a slot. */
export function PoolsPage() {
  const pools = usePools();
  const [making, setMaking] = React.useState(false);
  const button = React.useRef<HTMLDivElement>(null);
  const close = () => {
    setMaking(false);
    button.current?.querySelector('button')?.focus();
  };
  return (
    <main className="jp-orch-page">
      <header className="jp-orch-header">
        <div className="jp-orch-title">
          <h1>{trans.__('Pools')}</h1>
        </div>
        <p className="jp-orch-muted">
          {trans.__(
            'A pool limits how many runs go on at a time, over all jobs that name it and over all workers. The others wait in the queue.'
          )}
        </p>
        <div ref={button} className="jp-orch-buttons">
          <Button onClick={() => setMaking(true)}>
            <addIcon.react tag="span" width="14px" height="14px" />{' '}
            {trans.__('New pool')}
          </Button>
        </div>
      </header>
      {making && (
        <div className="jp-orch-narrow">
          <PoolForm taken={pools.data ?? []} onDone={close} />
        </div>
      )}
      <Fetched
        query={pools}
        lines={3}
        label={trans.__('Asking for the pools…')}
      >
        {items => (
          <>
            <div className="jp-orch-table-box">
              <table className="jp-orch-table" aria-label={trans.__('Pools')}>
                <thead>
                  <tr>
                    <th scope="col">{trans.__('Pool')}</th>
                    <th scope="col" className="jp-orch-number">
                      {trans.__('Slots')}
                    </th>
                    <th scope="col" className="jp-orch-number">
                      {trans.__('Used')}
                    </th>
                    <th scope="col" className="jp-orch-number">
                      {trans.__('Queued')}
                    </th>
                    <th scope="col">
                      <span className="jp-orch-unseen">
                        {trans.__('Change')}
                      </span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.map(pool => (
                    <Row key={pool.name} pool={pool} all={items} />
                  ))}
                </tbody>
              </table>
            </div>
            {items.length < 2 && !making && (
              <div className="jp-orch-empty">
                <poolIcon.react tag="span" width="48px" height="48px" />
                <p>
                  {trans.__(
                    'Make a pool for what jobs share, such as a database that bears three queries at a time, and choose it in the policies of each job.'
                  )}
                </p>
                <Button onClick={() => setMaking(true)}>
                  {trans.__('Make the first pool')}
                </Button>
              </div>
            )}
          </>
        )}
      </Fetched>
    </main>
  );
}

function Row(props: { pool: IPool; all: IPool[] }) {
  const { pool } = props;
  const { name, slots, used, queued } = pool;
  const orch = useOrch();
  const client = useQueryClient();
  const row = React.useRef<HTMLTableRowElement>(null);
  const [editing, setEditing] = React.useState(false);
  const close = () => {
    setEditing(false);
    row.current?.querySelector('button')?.focus();
  };
  const remove = async () => {
    const sure = await orch.confirm(
      trans.__('Delete the pool “%1”?', name),
      trans.__(
        'Runs that name it go on without a limit. A job that names it cannot be saved again until it names another one.'
      ),
      trans.__('Delete')
    );
    if (!sure) {
      return;
    }
    try {
      await orch.api.deletePool(pool);
    } catch (error) {
      orch.say(sentence(error), 'error');
    }
    void client.invalidateQueries({ queryKey: ['pools'] });
  };
  const full = slots !== null && used >= slots && queued > 0;
  return (
    <>
      <tr ref={row}>
        <th scope="row" className="jp-orch-wrap">
          {name}
        </th>
        <td className="jp-orch-number">{slots ?? trans.__('no limit')}</td>
        <td className="jp-orch-number">{used}</td>
        <td className="jp-orch-number">
          {queued}
          {full && <span className="jp-orch-badge"> {trans.__('full')}</span>}
        </td>
        <td>
          <div className="jp-orch-line">
            <IconButton
              icon={editIcon}
              label={trans.__('Change the slots of %1', name)}
              onClick={() => setEditing(true)}
            />
            {name !== DEFAULT && (
              <IconButton
                icon={deleteIcon}
                label={trans.__('Delete the pool %1', name)}
                once
                onClick={() => void remove()}
              />
            )}
          </div>
        </td>
      </tr>
      {editing && (
        <tr>
          <td colSpan={5}>
            <div className="jp-orch-narrow">
              <PoolForm pool={pool} taken={props.all} onDone={close} />
            </div>
          </td>
        </tr>
      )}
    </>
  );
}
