import { trans } from '../i18n';
import type { IJobSummary, IRun, RunState } from '../tokens';

/** The eight states that people see, the same everywhere. */
export type Shown =
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'queued'
  | 'paused'
  | 'cancelled'
  | 'skipped'
  | 'late';

export const GLYPHS: Record<Shown, string> = {
  running: '●',
  succeeded: '✓',
  failed: '✕',
  queued: '◷',
  paused: '⏸',
  cancelled: '⊘',
  skipped: '↷',
  late: '!'
};

export function word(shown: Shown): string {
  const words: Record<Shown, string> = {
    running: trans.__('running'),
    succeeded: trans.__('succeeded'),
    failed: trans.__('failed'),
    queued: trans.__('queued'),
    paused: trans.__('paused'),
    cancelled: trans.__('cancelled'),
    skipped: trans.__('skipped'),
    late: trans.__('late')
  };
  return words[shown];
}

/** Publishing is the last part of running: people need no ninth word. */
export function shown(state: RunState): Shown {
  return state === 'publishing' ? 'running' : state;
}

export function hasEnded(state: RunState): boolean {
  return !['queued', 'running', 'publishing'].includes(state);
}

/** Whether a run has not begun by its time and its job's tolerance; without one it never is. */
export function isLate(run: IRun, now: Date): boolean {
  const seconds = run.policies?.late_after_seconds;
  return (
    run.state === 'queued' &&
    run.attempt === 0 &&
    seconds !== null &&
    seconds !== undefined &&
    now.getTime() - Date.parse(run.logical_time) > seconds * 1000
  );
}

/** What the job's line says: what it does now, else how it last went. */
export function shownOfJob(summary: IJobSummary): Shown | null {
  if (summary.active_run) {
    return shown(summary.active_run.state);
  }
  if (summary.job.error) {
    return 'failed';
  }
  if (summary.job.paused) {
    return 'paused';
  }
  return summary.last_run ? shown(summary.last_run.state) : null;
}

export function isFailing(summary: IJobSummary): boolean {
  return Boolean(summary.job.error) || summary.last_run?.state === 'failed';
}

/** One line that says what went wrong: `cell 7: KeyError 'fx'`. */
export function complaint(run: IRun): string {
  const error = run.error;
  if (!error) {
    return run.reason ? reasonWord(run.reason) : '';
  }
  const said = error.message ? `${error.name}: ${error.message}` : error.name;
  return error.cell_index === null || error.cell_index === undefined
    ? said
    : trans.__('cell %1: %2', error.cell_index + 1, said);
}

/** A reason in words; one that this version does not know is shown as it came. */
export function reasonWord(reason: string): string {
  const words: Record<string, string> = {
    user_error: trans.__('the notebook raised an error'),
    not_retryable: trans.__('the notebook said that trying again is of no use'),
    cell_timeout: trans.__('a cell took too long'),
    run_timeout: trans.__('the run took too long'),
    queue_timeout: trans.__('it waited too long for a worker'),
    worker_lost: trans.__('its worker stopped'),
    kernel_died: trans.__('the kernel died'),
    kernel_missing: trans.__('the kernel is not installed'),
    notebook_missing: trans.__('the notebook is missing'),
    check_failed: trans.__('a check of the output failed'),
    publish_conflict: trans.__('the table changed meanwhile'),
    platform_error: trans.__('the platform failed'),
    cancelled_by_user: trans.__('stopped by a person'),
    superseded: trans.__('a newer run took its place'),
    edited: trans.__('the schedule was edited'),
    catch_up: trans.__('missed while the service was down'),
    paused: trans.__('the job was paused'),
    overlap: trans.__('the run before had not ended')
  };
  return words[reason] ?? reason.replace(/_/g, ' ');
}

/** Why the run exists. */
export function kindWord(kind: IRun['kind']): string {
  const words: Record<IRun['kind'], string> = {
    schedule: trans.__('by schedule'),
    backfill: trans.__('backfill'),
    manual: trans.__('by hand'),
    rerun: trans.__('rerun'),
    adhoc: trans.__('papermill')
  };
  return words[kind];
}
