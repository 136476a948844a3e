import { parseExact, writeExact } from './logic/exact';
import type * as T from './tokens';

/** One faulty value in a request. */
export interface IProblem {
  field: string | null;
  title: string;
  hint: string | null;
}

/** What the service refused, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    title: string,
    readonly problems: IProblem[]
  ) {
    super(title);
    this.name = 'ApiError';
  }

  get hint(): string | null {
    return this.problems[0]?.hint ?? null;
  }

  /** No service runs on this machine: the sidebar can start one. */
  get serviceDown(): boolean {
    return this.status === 503 && this.problems[0]?.field === 'service';
  }

  get staleWrite(): boolean {
    return this.code === 'stale_write';
  }
}

/** An error in words, with what to do about it. */
export function sentence(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  const hint = error instanceof ApiError ? error.hint : null;
  return hint ? `${said} ${hint}` : said;
}

/** Sends a request to a path below the API's base; `ServerConnection` in the Lab. */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

/** A value with the entity tag that guards its next write. */
export interface ITagged<V> {
  value: V;
  etag: string;
}

/** Makes an error of any answer that is not a success, problem document or not. */
export function errorOf(status: number, text: string): ApiError {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed && typeof parsed === 'object') {
      body = parsed as Record<string, unknown>;
    }
  } catch {
    // A proxy's HTML page: the status says all there is.
  }
  const title = String(
    body.title ?? body.message ?? `The server answered ${status}.`
  );
  const first: IProblem = {
    field: (body.field as string) ?? null,
    title,
    hint: (body.hint as string) ?? null
  };
  const more = Array.isArray(body.errors) ? (body.errors as IProblem[]) : [];
  const others = more.filter(
    p => p.field !== first.field || p.title !== first.title
  );
  return new ApiError(status, String(body.code ?? 'internal'), title, [
    first,
    ...others
  ]);
}

function query(values: Record<string, unknown>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== '') {
        search.append(key, String(one));
      }
    }
  }
  const text = search.toString();
  return text ? `?${text}` : '';
}

const part = encodeURIComponent;
const NOT_MODIFIED = 304;

/** What a pool was when somebody saw it, as its entity tag says it. */
function tagOf(pool: T.IPool): Record<string, string> {
  return { 'If-Match': `"${pool.slots ?? 'none'}"` };
}

/**
 * Ids of snapshots are compared and shown, never computed with.
 * A service of older code says nothing of checks.
 */
function asText(
  version: Omit<T.ITableVersion, 'checks'> & Partial<T.ITableVersion>
): T.ITableVersion {
  return {
    ...version,
    snapshot_id: String(version.snapshot_id),
    checks: version.checks ?? []
  };
}

/** A text that was cleared is one that was not given. */
function withoutEmpty(wanted: T.IRunWanted): T.IRunWanted {
  const given = Object.entries(wanted).filter(([, value]) => value);
  return Object.fromEntries(given);
}

/** The REST API, one method per request. */
export class Api {
  constructor(private readonly send: Send) {}

  lab = (): Promise<T.ILab> => this.get('lab');
  startService = (): Promise<unknown> => this.post('lab:start-service', {});
  status = (): Promise<T.IStatus> => this.get('status');

  inspect = (path: string): Promise<T.INotebookInfo> =>
    this.post('notebooks:inspect', { path });
  preview = (trigger: T.ITrigger, count = 5): Promise<T.IFires> =>
    this.post('triggers:preview', { trigger, count });

  jobs = (filter: {
    search?: string;
    notebook?: string;
    state?: 'failing' | 'running';
    cursor?: string | null;
    limit?: number;
  }): Promise<T.IPage<T.IJobSummary>> => this.get(`jobs${query(filter)}`);
  job = (id: string): Promise<ITagged<T.IJobSummary>> =>
    this.tagged('GET', `jobs/${part(id)}`);
  createJob = (spec: T.IJobSpec, key: string): Promise<T.IJob> =>
    this.post('jobs', spec, key);
  updateJob = (
    id: string,
    spec: T.IJobSpec,
    etag: string
  ): Promise<ITagged<T.IJob>> =>
    this.tagged('PUT', `jobs/${part(id)}`, spec, { 'If-Match': etag });
  deleteJob = (id: string): Promise<void> =>
    this.request('DELETE', `jobs/${part(id)}`).then(() => undefined);
  pause = (id: string): Promise<T.IJob> =>
    this.post(`jobs/${part(id)}:pause`, {});
  resume = (id: string): Promise<T.IJob> =>
    this.post(`jobs/${part(id)}:resume`, {});
  runNow = (
    id: string,
    key: string,
    wanted: T.IRunWanted = {}
  ): Promise<T.IRun> =>
    this.post(`jobs/${part(id)}:run`, withoutEmpty(wanted), key);
  /** What `runNow` would take, asked the same. */
  interval = (id: string, wanted: T.IRunWanted): Promise<T.IJobInterval> =>
    this.get(`jobs/${part(id)}/interval${query({ ...wanted })}`);

  schema = (id: string): Promise<T.IParametersSchema> =>
    this.get(`jobs/${part(id)}/schema`);

  planBackfill = (asked: T.IBackfillRequest): Promise<T.IBackfillPlan> =>
    this.post('backfills:plan', asked);
  createBackfill = (
    asked: T.IBackfillRequest,
    key: string
  ): Promise<T.IBackfill> => this.post('backfills', asked, key);
  backfills = (filter: {
    job: string;
    cursor?: string | null;
    limit?: number;
  }): Promise<T.IPage<T.IBackfill>> => this.get(`backfills${query(filter)}`);
  cancelBackfill = (id: string): Promise<T.IBackfill> =>
    this.post(`backfills/${part(id)}:cancel`, {});

  /** All of them: there are few, and who chooses one wants to see them. */
  pools = async (): Promise<T.IPool[]> => {
    const all: T.IPool[] = [];
    let cursor: string | null = null;
    do {
      const path: string = `pools${query({ cursor })}`;
      const page: T.IPage<T.IPool> = await this.get(path);
      all.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return all;
  };
  /** Makes a pool, or changes `seen` unless somebody else did meanwhile. */
  setPool = async (
    name: string,
    slots: number | null,
    seen?: T.IPool
  ): Promise<T.IPool> => {
    const body = writeExact({ slots });
    const guard = seen && tagOf(seen);
    const answer = await this.request(
      'PUT',
      `pools/${part(name)}`,
      body,
      guard
    );
    return parseExact(answer.text) as T.IPool;
  };
  deletePool = (seen: T.IPool): Promise<void> =>
    this.request(
      'DELETE',
      `pools/${part(seen.name)}`,
      undefined,
      tagOf(seen)
    ).then(() => undefined);
  channels = (): Promise<T.IChannels> => this.get('channels');
  /** Sends a message to an address or to `channel:<name>`, and waits for it to go. */
  testChannel = (target: string): Promise<void> =>
    this.post('channels:test', { target });

  runs = (filter: {
    job?: string;
    backfill?: string;
    state?: T.RunState[];
    search?: string;
    fingerprint?: string;
    cursor?: string | null;
    limit?: number;
  }): Promise<T.IPage<T.IRun>> => this.get(`runs${query(filter)}`);
  run = async (id: string): Promise<T.IRunDetail> => {
    const detail = await this.get<T.IRunDetail>(`runs/${part(id)}`);
    return { ...detail, versions: detail.versions.map(asText) };
  };
  rerun = (
    id: string,
    body: { parameters?: T.Values; latest_notebook?: boolean },
    key: string
  ): Promise<T.IRun> => this.post(`runs/${part(id)}:rerun`, body, key);
  cancel = (id: string): Promise<T.IRun> =>
    this.post(`runs/${part(id)}:cancel`, {});
  log = (id: string, attempt?: number): Promise<T.ILog> =>
    this.get(`runs/${part(id)}/log${query({ attempt })}`);
  notebook = (
    id: string,
    attempt?: number,
    known?: ITagged<unknown>
  ): Promise<ITagged<unknown>> =>
    this.again(`runs/${part(id)}/notebook${query({ attempt })}`, known);
  live = (id: string, known?: ITagged<T.ILive>): Promise<ITagged<T.ILive>> =>
    this.again(`runs/${part(id)}/live`, known);

  tables = async (cursor?: string | null): Promise<T.IPage<T.ITableInfo>> => {
    const path = `tables${query({ cursor })}`;
    const page = await this.get<T.IPage<T.ITableInfo>>(path);
    return {
      ...page,
      items: page.items.map(({ last_version: last, ...table }) => ({
        ...table,
        last_version: last && asText(last)
      }))
    };
  };
  versions = async (
    table: string,
    cursor?: string | null
  ): Promise<T.IPage<T.ITableVersion>> => {
    const path = `tables/${part(table)}/versions${query({ cursor })}`;
    const page = await this.get<T.IPage<T.ITableVersion>>(path);
    return { ...page, items: page.items.map(asText) };
  };
  tablePreview = (table: string, version?: string): Promise<T.IPreview> =>
    this.get(`tables/${part(table)}/preview${query({ version })}`);
  diff = (
    table: string,
    before: string,
    after: string,
    signal?: AbortSignal
  ): Promise<T.ITableDiff> =>
    this.get(`tables/${part(table)}/diff${query({ before, after })}`, signal);
  planRollback = async (
    table: string,
    version: string
  ): Promise<ITagged<T.IRollbackPlan>> => {
    const path = `tables/${part(table)}:plan-rollback`;
    const body = { version: BigInt(version) };
    const plan = await this.tagged<T.IRollbackPlan>('POST', path, body);
    const undoes = plan.value.undoes.map(asText);
    return { ...plan, value: { ...plan.value, undoes } };
  };
  /** Refused when readers see another version by now than the plan said. */
  rollback = async (
    table: string,
    version: string,
    etag: string,
    reason: string
  ): Promise<void> => {
    const body = { version: BigInt(version), reason: reason || null };
    const path = `tables/${part(table)}:rollback`;
    await this.tagged('POST', path, body, { 'If-Match': etag });
  };
  planUndo = async (
    run: string
  ): Promise<ITagged<{ parts: T.IUndoPart[] }>> => {
    const path = `runs/${part(run)}:plan-undo`;
    const plan = await this.tagged<{ parts: T.IUndoPart[] }>('POST', path, {});
    const parts = plan.value.parts.map(each => ({
      ...each,
      later: each.later.map(asText)
    }));
    return { ...plan, value: { parts } };
  };
  /** With `force` also what later versions wrote in the same place. */
  undo = async (
    run: string,
    etag: string,
    body: { force: boolean; reason: string | null }
  ): Promise<void> => {
    const path = `runs/${part(run)}:undo`;
    await this.tagged('POST', path, body, { 'If-Match': etag });
  };
  pinVersion = async (
    table: string,
    version: string,
    pinned: boolean
  ): Promise<void> => {
    const verb = pinned ? 'pin' : 'unpin';
    const body = { version: BigInt(version) };
    await this.post(`tables/${part(table)}:${verb}`, body);
  };

  private async get<V>(path: string, signal?: AbortSignal): Promise<V> {
    const answer = await this.request('GET', path, undefined, {}, signal);
    return parseExact(answer.text) as V;
  }

  /** An answer that is asked for again and again: the known one while it is the same. */
  private async again<V>(
    path: string,
    known?: ITagged<V>
  ): Promise<ITagged<V>> {
    const guard = known?.etag ? { 'If-None-Match': known.etag } : undefined;
    const answer = await this.request('GET', path, undefined, guard);
    if (known && answer.status === NOT_MODIFIED) {
      return known;
    }
    // Outputs may hold any number: they are parsed as Jupyter parses them.
    return {
      value: JSON.parse(answer.text) as V,
      etag: answer.headers.get('ETag') ?? ''
    };
  }

  private async post<V>(path: string, body: unknown, key?: string): Promise<V> {
    const headers = key ? { 'Idempotency-Key': key } : undefined;
    const answer = await this.request('POST', path, writeExact(body), headers);
    return (answer.text ? parseExact(answer.text) : undefined) as V;
  }

  private async tagged<V>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>
  ): Promise<ITagged<V>> {
    const json = body === undefined ? undefined : writeExact(body);
    const answer = await this.request(method, path, json, headers);
    return {
      value: parseExact(answer.text) as V,
      etag: answer.headers.get('ETag') ?? ''
    };
  }

  private async request(
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
    signal?: AbortSignal
  ): Promise<{ status: number; text: string; headers: Headers }> {
    const sent = new Headers(headers);
    if (body !== undefined) {
      sent.set('Content-Type', 'application/json');
    }
    const response = await this.send(path, {
      method,
      body,
      headers: sent,
      signal
    });
    const text = await response.text();
    const { status } = response;
    if (!response.ok && status !== NOT_MODIFIED) {
      throw errorOf(status, text);
    }
    return { status, text, headers: response.headers };
  }
}
