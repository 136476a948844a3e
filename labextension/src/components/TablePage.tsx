import * as React from 'react';

import { trans } from '../i18n';
import { useVersions } from '../queries';
import type { ITableVersion } from '../tokens';
import { Button, Instant } from './basics';
import { ChosenVersion } from './ChosenVersion';
import { Fetched, Gone } from './Fetched';
import { VersionDiff } from './VersionDiff';
import { VersionGrid } from './VersionGrid';
import { VersionLine } from './VersionLine';

/** A table: its versions, the rows of one of them or what changed between two, and the way back. */
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
  const [other, setOther] = React.useState<string | null>(null);
  const [comparing, setComparing] = React.useState(false);
  const find = (id: string | null) =>
    versions.find(version => version.snapshot_id === id);
  const chosen = find(picked) ?? current;
  const second = find(other);
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
  const choose = (id: string, wantsSecond: boolean) => {
    const usable = !find(id)?.expired && !chosen.expired;
    if ((wantsSecond || comparing) && usable && id !== chosen.snapshot_id) {
      setOther(id);
    } else {
      pick(id);
      setOther(null);
    }
    setComparing(false);
  };
  const place = versions.indexOf(chosen);
  const picks = {
    versions,
    chosen: chosen.snapshot_id,
    other: second?.snapshot_id ?? null,
    onPick: choose
  };
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
      <VersionLine {...picks} />
      <p className="jp-orch-muted" role="status">
        {comparing
          ? trans.__('Pick the version to compare with.')
          : trans.__(
              'As high as their rows. Shift picks a second one to compare.'
            )}
      </p>
      <VersionGrid {...picks} />
      {props.more && (
        <Button onClick={props.more}>{trans.__('Show more')}</Button>
      )}
      {second ? (
        <VersionDiff
          before={versions.indexOf(second) > place ? second : chosen}
          after={versions.indexOf(second) > place ? chosen : second}
          onClose={() => setOther(null)}
        />
      ) : (
        <ChosenVersion
          key={chosen.snapshot_id}
          version={chosen}
          previous={versions[place + 1]}
          comparing={comparing}
          onCompare={id =>
            id ? setOther(id) : setComparing(waiting => !waiting)
          }
        />
      )}
    </main>
  );
}
