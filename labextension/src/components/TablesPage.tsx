import * as React from 'react';

import { trans } from '../i18n';
import { useTables } from '../queries';
import { Fetched, Instant } from './basics';
import { useOrch } from './context';
import { walk } from './RunsTable';

/** Every table that keeps versions. */
export function TablesPage() {
  const tables = useTables();
  const orch = useOrch();
  return (
    <main className="jp-orch-page">
      <header className="jp-orch-header">
        <div className="jp-orch-title">
          <h1>{trans.__('Tables')}</h1>
        </div>
      </header>
      <Fetched query={tables} lines={5}>
        {({ items }) =>
          items.length ? (
            <div className="jp-orch-table-box">
              <table
                role="grid"
                className="jp-orch-table"
                aria-label={trans.__('Tables')}
                onKeyDown={walk}
              >
                <thead>
                  <tr>
                    <th scope="col">{trans.__('Table')}</th>
                    <th scope="col" className="jp-orch-number">
                      {trans.__('Rows')}
                    </th>
                    <th scope="col" className="jp-orch-number">
                      {trans.__('Versions')}
                    </th>
                    <th scope="col">{trans.__('Last change')}</th>
                    <th scope="col">{trans.__('By')}</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((table, index) => (
                    <tr
                      key={table.name}
                      data-row={table.name}
                      tabIndex={index ? -1 : 0}
                      onClick={() => orch.open('table', table.name)}
                      onKeyDown={event => {
                        if (event.key === 'Enter') {
                          orch.open('table', table.name);
                        }
                      }}
                    >
                      <td>{table.name}</td>
                      <td className="jp-orch-number">
                        {table.total_rows?.toLocaleString('en')}
                      </td>
                      <td className="jp-orch-number">{table.versions}</td>
                      <td>
                        {table.last_version && (
                          <Instant
                            at={table.last_version.committed_at}
                            as="ago"
                          />
                        )}
                      </td>
                      <td>
                        {table.last_version?.job_name ??
                          table.last_version?.user}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <p className="jp-orch-empty">
              {trans.__(
                'Tables that notebooks publish with jupyter_orch.output show up here.'
              )}
            </p>
          )
        }
      </Fetched>
    </main>
  );
}
