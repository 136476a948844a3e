import * as React from 'react';

import { trans } from '../i18n';
import { brief } from '../logic/parameters';
import { useTablePreview } from '../queries';
import type { ITableVersion, Json } from '../tokens';
import { Fetched } from './Fetched';

/** As SQL writes it, in any language. */
const NOTHING = 'NULL';

/** The first rows of a version. */
export function RowsPreview(props: { version: ITableVersion }) {
  const preview = useTablePreview(
    props.version.table,
    props.version.snapshot_id
  );
  return (
    <Fetched query={preview} lines={6}>
      {({ columns, rows }) => (
        <div className="jp-orch-table-box">
          <table className="jp-orch-table" aria-label={trans.__('First rows')}>
            <thead>
              <tr>
                {columns.map((column, index) => (
                  <th
                    key={column.name}
                    scope="col"
                    className={
                      isNumber(rows[0]?.[index]) ? 'jp-orch-number' : undefined
                    }
                  >
                    {column.name}{' '}
                    <span className="jp-orch-muted">{column.type}</span>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => (
                <tr key={index}>
                  {row.map((value, column) => (
                    <Cell key={column} value={value} />
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {!rows.length && (
            <p className="jp-orch-empty">{trans.__('No rows.')}</p>
          )}
        </div>
      )}
    </Fetched>
  );
}

/** A value in a table; nothing is said to be NULL. */
export function Cell(props: { value: Json | undefined }) {
  const { value } = props;
  return (
    <td className={isNumber(value) ? 'jp-orch-number' : undefined}>
      <Shown value={value} />
    </td>
  );
}

/** A value as text. */
export function Shown(props: { value: Json | undefined }) {
  return props.value === null || props.value === undefined ? (
    <span className="jp-orch-muted">{NOTHING}</span>
  ) : (
    <>{brief(props.value)}</>
  );
}

export function isNumber(value: Json | undefined): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}
