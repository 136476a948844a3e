import { expect, test } from 'vitest';

import { makeClient, keys, staleAfter } from '../src/queries';

test('a change makes exactly the answers stale that show it', async () => {
  const client = makeClient();
  const all = {
    jobs: keys.jobs({}, null),
    job: keys.job('j1'),
    run: keys.run('r1'),
    log: keys.runPart('r1', 'log', 1),
    other: keys.run('r2'),
    runs: keys.runs({ job: 'j1' }),
    versions: keys.versions('a.b'),
    tables: keys.tables(),
    backfills: keys.backfills('j1'),
    pools: keys.pools(),
    status: keys.status()
  };
  const staleOf = async (
    kind: 'job' | 'run' | 'table' | 'backfill' | 'pool' | 'service',
    key: string
  ) => {
    client.clear();
    Object.values(all).forEach(queryKey => client.setQueryData(queryKey, 1));
    for (const queryKey of staleAfter({ kind, key })) {
      await client.invalidateQueries({ queryKey });
    }
    return Object.entries(all)
      .filter(([, queryKey]) => client.getQueryState(queryKey)?.isInvalidated)
      .map(([name]) => name);
  };
  expect(await staleOf('run', 'r1')).toEqual([
    'jobs',
    'job',
    'run',
    'log',
    'runs',
    'backfills',
    'pools',
    'status'
  ]);
  expect(await staleOf('table', 'a.b')).toEqual(['versions', 'tables']);
  expect(await staleOf('job', 'j1')).toEqual(['jobs', 'job', 'status']);
  expect(await staleOf('backfill', 'b1')).toEqual(['backfills']);
  expect(await staleOf('pool', 'trino')).toEqual(['pools']);
  expect(await staleOf('service', 'up')).toEqual(Object.keys(all));
});
