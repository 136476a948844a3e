/** The words of the REST API, as docs/reference/rest-api.md gives them. */

/** Integers beyond 2^53 are `bigint`: a number would round them. */
export type Json =
  null | boolean | number | bigint | string | Json[] | { [key: string]: Json };
export type Values = { [name: string]: Json };

export type RunState =
  | 'queued'
  | 'running'
  | 'publishing'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'skipped';

/** Which runs a list shows; the empty one shows all. */
export type RunFilter = '' | 'active' | Exclude<RunState, 'publishing'>;

export type CalendarUnit = 'day' | 'week' | 'month' | 'year';
export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

export interface ITrigger {
  id: string;
  kind: 'cron' | 'interval' | 'calendar' | 'once';
  time_zone: string;
  cron?: string | null;
  every_seconds?: number | null;
  anchor?: string | null;
  calendar_every?: number | null;
  calendar_unit?: CalendarUnit | null;
  at?: string | null;
  start?: string | null;
  end?: string | null;
  jitter_seconds?: number;
  exclude_dates?: string[];
  exclude_weekdays?: Weekday[];
  parameters?: Values;
}

export type FailureClass =
  'user_error' | 'timeout' | 'lost_worker' | 'platform';

export interface IPolicies {
  retries: number;
  retry_delay_seconds: number;
  retry_backoff: number;
  retry_max_delay_seconds: number;
  retry_on: FailureClass[];
  timeout_seconds: number | null;
  cell_timeout_seconds: number | null;
  queue_timeout_seconds: number | null;
  catch_up: 'none' | 'latest' | 'all';
  max_catch_up: number;
  max_staleness_seconds: number | null;
  overlap: 'queue' | 'skip' | 'cancel_running' | 'parallel' | 'latest_only';
  max_parallel: number | null;
  pool: string;
  priority: number;
  late_after_seconds: number | null;
}

export type NoticeKind = 'failed' | 'recovered' | 'late';

export interface INotification {
  on: NoticeKind[];
  email: string[];
  channels: string[];
}

export interface IJobSpec {
  name: string;
  notebook: string;
  source: 'tracking' | 'pinned';
  kernel: string | null;
  parameters: Values;
  triggers: ITrigger[];
  policies: IPolicies;
  notifications: INotification[];
  description: string;
}

export interface IJob {
  id: string;
  version: number;
  spec: IJobSpec;
  paused: boolean;
  error: string | null;
  notebook_sha256: string | null;
  created_by: string;
  created_at: string;
  updated_at: string;
}

export interface IRunError {
  name: string;
  message: string;
  cell_index: number | null;
  traceback: string;
  /** Of the cell that failed, as far as it is kept; a service of earlier code does not say it. */
  cell_source?: string;
}

/** A part of a traceback. */
export interface IFrame {
  /** A cell of the notebook, a module of its author, a library, or words between frames. */
  kind: 'cell' | 'module' | 'library' | 'words';
  text: string;
}

/** How often a job failed in one way, as far as its runs are kept. */
export interface IFailureHistory {
  fingerprint: string;
  /** Up to a thousand. */
  count: number;
  first_at: string;
  /** So many of the job's last runs failed so, and so many they are. */
  recent_same: number;
  recent: number;
  last_success: { run_id: string; ended_at: string } | null;
}

/** What helps with a failed run beside its error. */
export interface IFailure {
  frames: IFrame[];
  /** From 1. */
  error_line: number | null;
  history: IFailureHistory | null;
}

export interface IRun {
  id: string;
  job_id: string | null;
  job_name: string;
  job_version: number | null;
  kind: 'schedule' | 'backfill' | 'manual' | 'rerun' | 'adhoc';
  state: RunState;
  reason: string | null;
  error: IRunError | null;
  logical_time: string;
  not_before: string;
  parameters: Values;
  notebook: string;
  notebook_sha256: string;
  kernel: string | null;
  policies: IPolicies;
  attempt: number;
  cells_done: number;
  cells_total: number;
  skipped_count: number;
  skipped_first: string | null;
  skipped_last: string | null;
  rerun_of: string | null;
  cancel_requested: boolean;
  created_by: string;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
}

export interface IAttempt {
  number: number;
  worker: string;
  started_at: string;
  ended_at: string | null;
  state: RunState | null;
  reason: string | null;
  error: IRunError | null;
}

/** Named slots that limit how many runs go on at a time. */
export interface IPool {
  name: string;
  /** Null for no limit. */
  slots: number | null;
  used: number;
  queued: number;
}

/** Whom jobs may tell. */
export interface IChannels {
  channels: string[];
  /** Whether e-mail is sent. */
  email: boolean;
}

export type BackfillOnly = 'missing' | 'missing_or_failed' | 'all';

/** What a person asks of a backfill. */
export interface IBackfillRequest {
  job: string;
  /** Due instants from `first` to `last`, both included. */
  first: string;
  last: string;
  trigger: string;
  only: BackfillOnly;
  newest_first: boolean;
  concurrency: number;
  priority: number;
  parameters: Values;
  latest_notebook: boolean;
  confirm: boolean;
}

export type Standing = 'missing' | 'failed' | 'done' | 'running';

export interface IBackfillPlan {
  trigger: string;
  first: string;
  last: string;
  intervals: number;
  missing: number;
  failed: number;
  done: number;
  running: number;
  runs: number;
  next: { at: string; interval_start: string | null; standing: Standing }[];
  future_left_out: boolean;
  needs_confirm: boolean;
}

export interface IBackfill {
  id: string;
  job_id: string;
  job_name: string;
  trigger: ITrigger;
  first: string;
  last: string;
  only: BackfillOnly;
  newest_first: boolean;
  concurrency: number;
  priority: number;
  parameters: Values;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  error: string | null;
  planned: number;
  cursor: string | null;
  counts: { [state in RunState]?: number };
  created_by: string;
  created_at: string;
  ended_at: string | null;
}

export interface IJobSummary {
  job: IJob;
  last_run: IRun | null;
  active_run: IRun | null;
  next_due: string | null;
  /** How long its runs take, while one goes on. */
  usual: IUsual | null;
}

/** One thing that was looked at before a version was published. */
export interface ICheckResult {
  name: string;
  severity: 'error' | 'warn';
  passed: boolean;
  seen: string;
}

export interface ITableVersion {
  table: string;
  /** 64 bits, as text. */
  snapshot_id: string;
  run_id: string | null;
  job_name: string | null;
  notebook_sha256: string | null;
  parameters: Values | null;
  rows: number | null;
  total_rows: number | null;
  operation: string;
  user: string | null;
  committed_at: string;
  current: boolean;
  checks: ICheckResult[];
  slice: Values;
  keys: string[];
  /** Why a person rolled back or undid. */
  reason: string | null;
  undo_of: string | null;
  pinned: boolean;
  /** Only this line is left of it. */
  expired: boolean;
}

/** What a roll back would do. */
export interface IRollbackPlan {
  table: string;
  current: ITableVersion;
  /** The newest of those that readers no longer see. */
  undoes: ITableVersion[];
  count: number;
}

/** What undoing a run would do to one of the versions that it published. */
export interface IUndoPart {
  table: string;
  /** In one sentence. */
  does: string;
  later: ITableVersion[];
  problem: string | null;
  done: number | bigint | null;
}

export interface IColumnFacts {
  null_rate: number | null;
  distinct: number | null;
  least: Json;
  most: Json;
  mean: Json;
}

export interface IRowSample {
  change: 'added' | 'removed' | 'changed';
  before: Json[] | null;
  after: Json[] | null;
  times: number;
}

/** What changed from one version of a table to another. */
export interface ITableDiff {
  schema: {
    name: string;
    change: 'added' | 'removed' | 'type';
    before: string | null;
    after: string | null;
  }[];
  rows_before: number;
  rows_after: number;
  keys: string[];
  compared: string[];
  added: number;
  removed: number;
  changed: number;
  columns: {
    name: string;
    type: string;
    before: IColumnFacts;
    after: IColumnFacts;
  }[];
  sample: IRowSample[];
  truncated: boolean;
}

export interface ITableInfo {
  name: string;
  versions: number;
  total_rows: number | null;
  last_version: ITableVersion | null;
}

export interface IPreview {
  columns: { name: string; type: string }[];
  rows: Json[][];
}

export interface IKernel {
  name: string;
  display_name: string;
  language: string;
}

/** The part of JSON Schema that parameters use. */
export interface ISchema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: Json;
  enum?: Json[];
  format?: string;
  items?: ISchema;
  minimum?: number | bigint;
  maximum?: number | bigint;
  anyOf?: ISchema[];
}

export interface IParametersSchema {
  type?: 'object';
  properties?: { [name: string]: ISchema };
  required?: string[];
}

export interface INotebookInfo {
  path: string;
  name: string;
  sha256: string;
  kernel: string | null;
  kernels: IKernel[];
  parameters_cell: boolean;
  schema: IParametersSchema;
  hint: string | null;
  outputs: string[];
}

export interface IRunDetail {
  run: IRun;
  job: IJob | null;
  attempts: IAttempt[];
  versions: ITableVersion[];
  queries: string[];
  schema: IParametersSchema;
  /** For a run that failed; a service of earlier code does not say it. */
  failure?: IFailure | null;
  /** Null without history, and of a run that has ended. */
  usual: IUsual | null;
}

/** How long the last successful runs of a job took. */
export interface IUsual {
  runs: number;
  /** Half of them took no longer. */
  seconds: number;
  /** Nine in ten took no longer. */
  slow_seconds: number;
}

/** The cell that runs; its outputs as nbformat has them, of a bounded size. */
export interface ILiveCell {
  index: number;
  started_at: string;
  source: string;
  outputs: Values[];
}

/** A query that the notebook waits for. */
export interface ILiveQuery {
  query_id: string;
  state: string;
  /** Null while nobody can know. */
  percent: number | null;
  rows: number;
  elapsed_seconds: number;
}

/** A run as it goes on. */
export interface ILive {
  attempt: number;
  state: RunState;
  cells_done: number;
  cells_total: number;
  cell: ILiveCell | null;
  queries: ILiveQuery[];
}

export interface IFire {
  at: string;
  note: string | null;
}

export interface IFires {
  fires: IFire[];
  /** The trigger in words. */
  description: string;
}

/** What a run by hand is asked for; what is absent the server chooses. */
export interface IRunWanted {
  trigger?: string;
  interval_start?: string;
  interval_end?: string;
}

/** What a run by hand would take. */
export interface IJobInterval {
  trigger: string | null;
  time_zone: string;
  interval_start: string | null;
  interval_end: string | null;
  /** Expressions are replaced as far as they can be before there is a run. */
  parameters: Values;
}

export interface ILogLine {
  time: string;
  level?: string;
  event?: string;
  [field: string]: Json | undefined;
}

export interface ILog {
  lines: ILogLine[];
  truncated: boolean;
}

export interface IStatus {
  version: string;
  state: string;
  user: string;
  time: string;
  workers: { name: string; slots: number; busy: number }[];
  counts: {
    queued?: number;
    running?: number;
    publishing?: number;
    /** Jobs whose last ended run failed. */
    failing?: number;
  };
  warehouse: { engine?: string; url?: string; location?: string };
  roots: string[];
}

export interface ILab {
  root: string;
  service: { running: boolean; message: string | null; hint: string | null };
}

export interface IPage<T> {
  items: T[];
  next_cursor: string | null;
}

export interface IChange {
  cursor: number;
  kind: 'job' | 'run' | 'table' | 'backfill' | 'pool' | 'service';
  key: string;
}

/** What the event bus calls our events. */
export const CHANGED =
  'https://schema.jupyter.org/jupyter_orch/changed/v1' as const;

/** Ids of commands, plugins and widgets begin with this. */
export const NAMESPACE = 'jupyter-orch';

export const Commands = {
  openPanel: `${NAMESPACE}:open-panel`,
  schedule: `${NAMESPACE}:schedule`,
  scheduleFile: `${NAMESPACE}:schedule-file`,
  open: `${NAMESPACE}:open`,
  openTables: `${NAMESPACE}:open-tables`,
  openRuns: `${NAMESPACE}:open-runs`,
  openPools: `${NAMESPACE}:open-pools`
} as const;
