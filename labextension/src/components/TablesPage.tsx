import * as React from 'react';

import { trans } from '../i18n';
import { tableIcon } from '../icons';
import { useTables } from '../queries';
import { Button, Instant } from './basics';
import { Fetched } from './Fetched';
import { useOrch } from './context';
import { walk } from './RunsTable';

/** Publishes a data frame, in a cell of a notebook. */
const EXAMPLE =
  'with jupyter_orch.output("analytics.my_table", mode="replace") as out: out.write(df)';

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
      <Fetched
        query={tables}
        lines={5}
        label={trans.__('Asking the warehouse…')}
      >
        {({ pages }) =>
          pages[0].items.length ? (
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
                  {pages
                    .flatMap(page => page.items)
                    .map((table, index) => (
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
              {tables.hasNextPage && (
                <Button onClick={() => void tables.fetchNextPage()}>
                  {trans.__('Show more')}
                </Button>
              )}
            </div>
          ) : (
            <div className="jp-orch-empty">
              <tableIcon.react tag="span" width="48px" height="48px" />
              <p>
                {trans.__(
                  'Tables that notebooks publish show up here, with every version.'
                )}
              </p>
              <p>
                <code>{EXAMPLE}</code>
              </p>
              <Button onClick={() => orch.copy(EXAMPLE)}>
                {trans.__('Copy the line that publishes one')}
              </Button>
            </div>
          )
        }
      </Fetched>
    </main>
  );
}
