import * as React from 'react';

import { trans } from '../i18n';
import { brief } from '../logic/parameters';
import { browserZone, exact } from '../logic/time';
import { useTableDiff } from '../queries';
import type {
  IColumnFacts,
  IRowSample,
  ITableDiff,
  ITableVersion,
  Json
} from '../tokens';
import { Button } from './basics';
import { Fetched } from './Fetched';
import { Shown } from './RowsPreview';

const SIGNS = { added: '+', removed: '−', changed: '~' };

/** What changed from the older to the newer of two versions. */
export function VersionDiff(props: {
  before: ITableVersion;
  after: ITableVersion;
  onClose: () => void;
}) {
  const { before, after } = props;
  const diff = useTableDiff(after.table, before.snapshot_id, after.snapshot_id);
  const at = (version: ITableVersion) =>
    exact(version.committed_at, browserZone());
  return (
    <section aria-label={trans.__('Comparison')}>
      <div className="jp-orch-chosen">
        <h2>{trans.__('Comparison')}</h2>
        <Button onClick={props.onClose}>{trans.__('Stop comparing')}</Button>
      </div>
      <p className="jp-orch-muted">
        {trans.__('From %1 to %2', at(before), at(after))}
      </p>
      <Fetched
        query={diff}
        lines={6}
        label={trans.__('The engine compares the versions…')}
      >
        {found => <Found diff={found} />}
      </Fetched>
    </section>
  );
}

function Found(props: { diff: ITableDiff }) {
  const { diff } = props;
  const same = !diff.added && !diff.removed && !diff.changed;
  return (
    <>
      <p>
        {trans.__(
          'Rows %1 → %2: %3 added, %4 removed, %5 changed.',
          diff.rows_before.toLocaleString('en'),
          diff.rows_after.toLocaleString('en'),
          diff.added.toLocaleString('en'),
          diff.removed.toLocaleString('en'),
          diff.changed.toLocaleString('en')
        )}{' '}
        <span className="jp-orch-muted">
          {diff.keys.length
            ? trans.__('Rows are told apart by %1.', diff.keys.join(', '))
            : trans.__('Rows are compared as wholes.')}
        </span>
      </p>
      {diff.schema.map(column => (
        <p key={`${column.name} ${column.change}`}>
          {trans.__('Column %1', column.name)}:{' '}
          {[column.before, column.after].filter(Boolean).join(' → ')}{' '}
          <span className="jp-orch-badge">
            {
              {
                added: trans.__('new'),
                removed: trans.__('gone'),
                type: trans.__('other type')
              }[column.change]
            }
          </span>
        </p>
      ))}
      {same ? (
        <p className="jp-orch-empty">
          {trans.__('Both versions have the same rows.')}
        </p>
      ) : (
        <>
          <Sample diff={diff} />
          <Columns diff={diff} />
        </>
      )}
    </>
  );
}

function Sample(props: { diff: ITableDiff }) {
  const { diff } = props;
  return (
    <div className="jp-orch-table-box jp-orch-diff">
      <table
        className="jp-orch-table"
        aria-label={trans.__('Rows that differ')}
      >
        <thead>
          <tr>
            <th scope="col">{trans.__('Change')}</th>
            {diff.compared.map(name => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {diff.sample.map((row, index) => (
            <tr key={index} data-change={row.change}>
              <td>
                <span aria-hidden="true">{SIGNS[row.change]}</span> {row.change}
                {row.times > 1 && ` ×${row.times}`}
              </td>
              {diff.compared.map((name, column) => (
                <Change key={name} row={row} column={column} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {diff.truncated && (
        <p className="jp-orch-muted">
          {trans.__('Some of the rows that differ; there are more.')}
        </p>
      )}
    </div>
  );
}

function Change(props: { row: IRowSample; column: number }) {
  const { before, after } = props.row;
  const was = before?.[props.column];
  const now = after?.[props.column];
  if (!before || !after || brief(was ?? null) === brief(now ?? null)) {
    return (
      <td>
        <Shown value={after ? now : was} />
      </td>
    );
  }
  return (
    <td className="jp-orch-differs">
      <del>
        <Shown value={was} />
      </del>{' '}
      <ins>
        <Shown value={now} />
      </ins>
    </td>
  );
}

function Columns(props: { diff: ITableDiff }) {
  const facts: [keyof IColumnFacts, string][] = [
    ['null_rate', trans.__('NULL')],
    ['distinct', trans.__('Different')],
    ['least', trans.__('Least')],
    ['most', trans.__('Most')],
    ['mean', trans.__('Mean')]
  ];
  return (
    <div className="jp-orch-table-box">
      <table className="jp-orch-table" aria-label={trans.__('Columns')}>
        <thead>
          <tr>
            <th scope="col">{trans.__('Column')}</th>
            {facts.map(([fact, title]) => (
              <th key={fact} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.diff.columns.map(column => (
            <tr key={column.name}>
              <td>
                {column.name}{' '}
                <span className="jp-orch-muted">{column.type}</span>
              </td>
              {facts.map(([fact]) => (
                <td key={fact}>
                  {both(
                    told(fact, column.before[fact]),
                    told(fact, column.after[fact])
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function both(before: string, after: string): string {
  return before === after ? before : `${before} → ${after}`;
}

function told(fact: keyof IColumnFacts, value: Json): string {
  if (value === null) {
    return '–';
  }
  if (fact === 'null_rate' && typeof value === 'number') {
    return `${(100 * value).toFixed(1)} %`;
  }
  if (fact === 'mean' && typeof value === 'number') {
    return value.toPrecision(6).replace(/\.?0+$/, '');
  }
  return brief(value);
}
