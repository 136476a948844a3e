import * as React from 'react';

import { trans } from '../i18n';
import { brief } from '../logic/parameters';
import type { ITableVersion } from '../tokens';
import { Button, Instant } from './basics';
import { CheckMark } from './Checks';
import { useOrch } from './context';
import { walk } from './RunsTable';

/** Versions with their facts and runs, newest first. */
export function VersionGrid(props: {
  versions: ITableVersion[];
  chosen: string;
  other: string | null;
  onPick: (version: string, second: boolean) => void;
}) {
  return (
    <div className="jp-orch-table-box jp-orch-versions">
      <table
        role="grid"
        className="jp-orch-table"
        aria-label={trans.__('Versions')}
        aria-multiselectable="true"
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
          {props.versions.map(version => (
            <VersionRow
              key={`${version.snapshot_id} ${version.committed_at}`}
              version={version}
              chosen={version.snapshot_id === props.chosen}
              second={version.snapshot_id === props.other}
              onPick={props.onPick}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function VersionRow(props: {
  version: ITableVersion;
  chosen: boolean;
  second: boolean;
  onPick: (version: string, second: boolean) => void;
}) {
  const { version, chosen } = props;
  const orch = useOrch();
  const values = Object.entries(version.parameters ?? {})
    .map(([name, value]) => `${name}=${brief(value)}`)
    .join(', ');
  const marks = [
    version.current && trans.__('current'),
    version.pinned && trans.__('pinned'),
    version.expired && trans.__('expired')
  ].filter((mark): mark is string => Boolean(mark));
  return (
    <tr
      data-row={version.snapshot_id}
      data-second={props.second}
      data-expired={version.expired}
      aria-selected={chosen || props.second}
      tabIndex={chosen ? 0 : -1}
      onClick={event => props.onPick(version.snapshot_id, event.shiftKey)}
      onKeyDown={event => {
        if (
          event.target === event.currentTarget &&
          (event.key === 'Enter' || event.key === ' ')
        ) {
          event.preventDefault();
          props.onPick(version.snapshot_id, event.shiftKey);
        }
      }}
    >
      <td>
        <Instant at={version.committed_at} as="ago" />{' '}
        {marks.map(mark => (
          <span
            key={mark}
            className={`jp-orch-badge${version.current ? ' jp-orch-badge-on' : ''}`}
          >
            {mark}
          </span>
        ))}{' '}
        <CheckMark checks={version.checks} />
      </td>
      <td title={version.reason ?? undefined}>
        {version.operation}
        {version.reason && (
          <span className="jp-orch-muted"> {version.reason}</span>
        )}
      </td>
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
