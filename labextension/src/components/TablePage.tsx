import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { sentence } from '../api';
import { trans } from '../i18n';
import { brief } from '../logic/parameters';
import { browserZone, exact } from '../logic/time';
import { useTablePreview, useVersions } from '../queries';
import type { ITableVersion, Json } from '../tokens';
import { Button, Instant } from './basics';
import { CheckList, CheckMark } from './Checks';
import { Fetched, Gone } from './Fetched';
import { useOrch } from './context';
import { walk } from './RunsTable';

/** A table: its versions, the rows of one of them, and the way back to it. */
export function TablePage(props: { name: string }) {
  const versions = useVersions(props.name);
  return (
    <Fetched
      query={versions}
      lines={8}
      label={trans.__('Asking for the versions…')}
      gone={<Gone title={trans.__('There is no table %1.', props.name)} />}
    >
      {data => (
        <Loaded
          name={props.name}
          versions={data.pages.flatMap(page => page.items)}
          more={
            versions.hasNextPage
              ? () => void versions.fetchNextPage()
              : undefined
          }
        />
      )}
    </Fetched>
  );
}

function Loaded(props: {
  name: string;
  versions: ITableVersion[];
  more?: () => void;
}) {
  const { name, versions } = props;
  const current = versions.find(version => version.current) ?? versions[0];
  const [picked, pick] = React.useState<string | null>(null);
  const chosen =
    versions.find(version => version.snapshot_id === picked) ?? current;
  if (!chosen) {
    return (
      <main className="jp-orch-page">
        <h1>{name}</h1>
        <p className="jp-orch-empty">
          {trans.__('This table has no version yet.')}
        </p>
      </main>
    );
  }
  return (
    <main className="jp-orch-page">
      <header className="jp-orch-header">
        <div className="jp-orch-title">
          <h1>{name}</h1>
        </div>
        <div className="jp-orch-muted">
          {current?.total_rows !== null &&
            trans._n('%1 row', '%1 rows', current.total_rows)}
          {' · '}
          {trans.__('last change')}{' '}
          <Instant at={current.committed_at} as="ago" />
        </div>
      </header>
      <h2>{trans.__('Versions')}</h2>
      <div className="jp-orch-table-box jp-orch-versions">
        <table
          role="grid"
          className="jp-orch-table"
          aria-label={trans.__('Versions')}
          onKeyDown={walk}
        >
          <thead>
            <tr>
              <th scope="col">{trans.__('Published')}</th>
              <th scope="col">{trans.__('How')}</th>
              <th scope="col" className="jp-orch-number">
                {trans.__('Rows written')}
              </th>
              <th scope="col" className="jp-orch-number">
                {trans.__('Rows in all')}
              </th>
              <th scope="col">{trans.__('By')}</th>
              <th scope="col">{trans.__('Parameters')}</th>
            </tr>
          </thead>
          <tbody>
            {versions.map(version => (
              <VersionRow
                key={version.snapshot_id}
                version={version}
                chosen={version === chosen}
                onPick={pick}
              />
            ))}
          </tbody>
        </table>
      </div>
      {props.more && (
        <Button onClick={props.more}>{trans.__('Show more')}</Button>
      )}
      <Chosen version={chosen} />
    </main>
  );
}

function VersionRow(props: {
  version: ITableVersion;
  chosen: boolean;
  onPick: (version: string) => void;
}) {
  const { version, chosen } = props;
  const orch = useOrch();
  const pick = () => props.onPick(version.snapshot_id);
  const values = Object.entries(version.parameters ?? {})
    .map(([name, value]) => `${name}=${brief(value)}`)
    .join(', ');
  return (
    <tr
      data-row={version.snapshot_id}
      aria-selected={chosen}
      tabIndex={chosen ? 0 : -1}
      onClick={pick}
      onFocus={event => {
        if (event.target === event.currentTarget) {
          pick();
        }
      }}
    >
      <td>
        <Instant at={version.committed_at} as="ago" />{' '}
        {version.current && (
          <span className="jp-orch-badge jp-orch-badge-on">
            {trans.__('current')}
          </span>
        )}{' '}
        <CheckMark checks={version.checks} />
      </td>
      <td>{version.operation}</td>
      <td className="jp-orch-number">{version.rows?.toLocaleString('en')}</td>
      <td className="jp-orch-number">
        {version.total_rows?.toLocaleString('en')}
      </td>
      <td>
        {version.run_id && !version.run_id.startsWith('interactive') ? (
          <Button
            kind="link"
            onClick={() => orch.open('run', version.run_id ?? '')}
          >
            {version.job_name ?? trans.__('a run')}
          </Button>
        ) : (
          (version.job_name ?? version.user)
        )}
      </td>
      <td className="jp-orch-clip" title={values}>
        {values}
      </td>
    </tr>
  );
}

function Chosen(props: { version: ITableVersion }) {
  const { version } = props;
  const orch = useOrch();
  const client = useQueryClient();
  const [busy, setBusy] = React.useState(false);
  const at = exact(version.committed_at, browserZone());
  const sql = `SELECT * FROM ${version.table} FOR VERSION AS OF ${version.snapshot_id}`;
  const rollBack = async () => {
    const sure = await orch.confirm(
      trans.__('Roll %1 back?', version.table),
      trans.__(
        'Readers will see the version of %1 again. Later versions stay in the history, so this can be undone.',
        at
      ),
      trans.__('Roll back')
    );
    if (!sure) {
      return;
    }
    setBusy(true);
    try {
      await orch.api.rollback(version.table, version.snapshot_id);
      orch.say(trans.__('%1 is rolled back.', version.table), 'success');
    } catch (error) {
      orch.say(sentence(error), 'error');
    }
    setBusy(false);
    await client.invalidateQueries({ queryKey: ['table', version.table] });
    await client.invalidateQueries({ queryKey: ['tables'] });
  };
  return (
    <section aria-label={trans.__('Chosen version')}>
      <div className="jp-orch-chosen">
        <h2>{trans.__('Version of %1', at)}</h2>
        <Button
          kind="warn"
          disabled={version.current || busy}
          title={
            version.current
              ? trans.__('Readers see this version now.')
              : undefined
          }
          onClick={() => void rollBack()}
        >
          {trans.__('Roll back to this…')}
        </Button>
      </div>
      <div className="jp-orch-sql">
        <code>{sql}</code>
        <Button kind="link" onClick={() => orch.copy(sql)}>
          {trans.__('Copy SQL')}
        </Button>
      </div>
      <CheckList checks={version.checks} />
      <Preview version={version} />
    </section>
  );
}

function Preview(props: { version: ITableVersion }) {
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
                    <td
                      key={column}
                      className={isNumber(value) ? 'jp-orch-number' : undefined}
                    >
                      {value === null ? (
                        <span className="jp-orch-muted">
                          {String(value).toUpperCase()}
                        </span>
                      ) : (
                        brief(value)
                      )}
                    </td>
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

function isNumber(value: Json | undefined): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}
