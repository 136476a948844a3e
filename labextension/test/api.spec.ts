import { expect, test } from 'vitest';

import { Api, ApiError, errorOf, sentence } from '../src/api';
import { parseExact, writeExact } from '../src/logic/exact';

const SNAPSHOT = '7423898123456789012';

function answering(
  status: number,
  body: string,
  headers?: Record<string, string>
) {
  const sent: { path: string; init: RequestInit }[] = [];
  const api = new Api((path, init) => {
    sent.push({ path, init });
    return Promise.resolve(new Response(body || null, { status, headers }));
  });
  return { api, sent };
}

test('integers keep every digit, there and back', () => {
  const text = `{"id":${SNAPSHOT},"since_us":1735689600000000,"rows":12,"share":0.1234567890123456,"low":[-${SNAPSHOT}]}`;
  expect(parseExact(text)).toEqual({
    id: BigInt(SNAPSHOT),
    since_us: 1735689600000000,
    rows: 12,
    share: 0.1234567890123456,
    low: [-BigInt(SNAPSHOT)]
  });
  expect(writeExact(parseExact(text))).toBe(text);
});

test('what is undefined is not written, as JSON.stringify has it', () => {
  expect(writeExact({ a: undefined, b: null, c: [undefined] })).toBe(
    '{"b":null,"c":[null]}'
  );
});

test('the id of a snapshot is text, with every digit', async () => {
  const { api } = answering(
    200,
    `{"items": [{"snapshot_id": ${SNAPSHOT}}, {"snapshot_id": 12}], "next_cursor": null}`
  );
  const { items } = await api.versions('a.b');
  expect(items.map(item => item.snapshot_id)).toEqual([SNAPSHOT, '12']);
});

test('digits inside a text stay as they are', () => {
  const value = { said: `"id": ${SNAPSHOT}`, path: 'a\\' };
  expect(parseExact(JSON.stringify(value))).toEqual(value);
});

test('a roll back sends the digits as a number, and what the plan was about', async () => {
  const plan = `{"undoes": [{"snapshot_id": ${SNAPSHOT}}], "count": 1}`;
  const planning = answering(200, plan, { ETag: '"7"' });
  const { value, etag } = await planning.api.planRollback('a.b', SNAPSHOT);
  expect(planning.sent[0].path).toBe('tables/a.b:plan-rollback');
  expect(planning.sent[0].init.body).toBe(`{"version":${SNAPSHOT}}`);
  expect(value.undoes[0].snapshot_id).toBe(SNAPSHOT);
  const { api, sent } = answering(200, '{}');
  await api.rollback('a.b', SNAPSHOT, etag, 'wrong file');
  expect(sent[0].path).toBe('tables/a.b:rollback');
  expect(sent[0].init.body).toBe(
    `{"version":${SNAPSHOT},"reason":"wrong file"}`
  );
  expect(new Headers(sent[0].init.headers).get('If-Match')).toBe('"7"');
});

test('an undo says whether later versions go as well', async () => {
  const { api, sent } = answering(200, '{"versions": []}');
  await api.undo('r1', '"tag"', { force: true, reason: null });
  expect(sent[0].path).toBe('runs/r1:undo');
  expect(sent[0].init.body).toBe('{"force":true,"reason":null}');
  expect(new Headers(sent[0].init.headers).get('If-Match')).toBe('"tag"');
});

test('an edit carries the entity tag that it read', async () => {
  const { api, sent } = answering(200, '{"version": 4}', { ETag: '"4"' });
  const { etag } = await api.updateJob('j', {} as never, '"3"');
  expect(new Headers(sent[0].init.headers).get('If-Match')).toBe('"3"');
  expect(etag).toBe('"4"');
});

test('filters become a query, empty ones do not', async () => {
  const { api, sent } = answering(200, '{"items": [], "next_cursor": null}');
  await api.runs({ job: 'a b', state: ['failed', 'running'], cursor: null });
  expect(sent[0].path).toBe('runs?job=a+b&state=failed&state=running');
});

test('names cannot leave their place in the path', async () => {
  const { api, sent } = answering(200, '{}');
  await api.job('../status');
  expect(sent[0].path).toBe('jobs/..%2Fstatus');
});

test('a problem document becomes an error with its fields', async () => {
  const body = {
    status: 422,
    code: 'bad_input',
    title: 'No such zone.',
    field: 'triggers.0.time_zone',
    hint: 'Take a name such as Europe/Berlin.',
    errors: [
      { field: 'triggers.0.time_zone', title: 'No such zone.', hint: null },
      { field: 'name', title: 'A name is needed.', hint: null }
    ]
  };
  const { api } = answering(422, JSON.stringify(body));
  const error = await api.runNow('j', 'key').catch(e => e as ApiError);
  expect(error).toBeInstanceOf(ApiError);
  const { problems, hint } = error as ApiError;
  expect(problems.map(p => p.field)).toEqual(['triggers.0.time_zone', 'name']);
  expect(hint).toMatch(/Europe/);
});

test('a page of a proxy is an error too', () => {
  expect(errorOf(502, '<html>')).toMatchObject({
    status: 502,
    message: 'The server answered 502.'
  });
});

test('the absence of the service and a stale write are told apart', () => {
  expect(
    errorOf(503, '{"code": "unavailable", "field": "service"}').serviceDown
  ).toBe(true);
  expect(errorOf(503, '{"code": "unavailable"}').serviceDown).toBe(false);
  expect(errorOf(412, '{"code": "stale_write"}').staleWrite).toBe(true);
});

test('an error says what to do about it', () => {
  const body = '{"title": "It is busy.", "hint": "Wait a little."}';
  expect(sentence(errorOf(503, body))).toBe('It is busy. Wait a little.');
  expect(sentence(new Error('lost'))).toBe('lost');
});

test('a pool is changed as it was seen, and made as it is named', async () => {
  const { api, sent } = answering(200, '{"name": "a/b", "slots": 3}');
  const seen = { name: 'a/b', slots: null, used: 0, queued: 0 };
  await api.setPool('a/b', 3);
  await api.setPool('a/b', 3, seen);
  await api.deletePool({ ...seen, slots: 3 });
  expect(sent.map(({ path }) => path)).toEqual(Array(3).fill('pools/a%2Fb'));
  const guards = sent.map(({ init }) =>
    new Headers(init.headers).get('If-Match')
  );
  expect(guards).toEqual([null, '"none"', '"3"']);
});

test('pools are read page by page to the end', async () => {
  const pages = [
    { items: [{ name: 'a' }], next_cursor: 'a' },
    { items: [{ name: 'b' }], next_cursor: null }
  ];
  const asked: string[] = [];
  const api = new Api(path => {
    asked.push(path);
    return Promise.resolve(
      new Response(JSON.stringify(pages[asked.length - 1]))
    );
  });
  expect((await api.pools()).map(({ name }) => name)).toEqual(['a', 'b']);
  expect(asked).toEqual(['pools', 'pools?cursor=a']);
});
