import { expect, test } from 'vitest';

import { POLICIES } from '../src/logic/policies';
import {
  complaint,
  GLYPHS,
  hasEnded,
  isFailing,
  isLate,
  reasonWord,
  shown,
  shownOfJob
} from '../src/logic/states';
import type { IJobSummary, IRun } from '../src/tokens';

const NOW = new Date('2026-11-01T12:00:00Z');

function run(patch: Partial<IRun>): IRun {
  return {
    state: 'succeeded',
    error: null,
    reason: null,
    not_before: '2026-11-01T12:00:00Z',
    ...patch
  } as IRun;
}

function summary(patch: object): IJobSummary {
  return {
    job: { error: null, paused: false },
    last_run: null,
    active_run: null,
    next_due: null,
    ...patch
  } as unknown as IJobSummary;
}

test('each of the eight states has a glyph of its own', () => {
  expect(new Set(Object.values(GLYPHS)).size).toBe(8);
});

test('publishing is a part of running', () => {
  expect(shown('publishing')).toBe('running');
  expect(hasEnded('publishing')).toBe(false);
  expect(hasEnded('skipped')).toBe(true);
});

test('a job shows what it does now before how it last went', () => {
  const last = run({ state: 'failed' });
  const active = run({ state: 'queued' });
  expect(shownOfJob(summary({ last_run: last, active_run: active }))).toBe(
    'queued'
  );
  expect(shownOfJob(summary({ last_run: last }))).toBe('failed');
  expect(shownOfJob(summary({ job: { paused: true }, last_run: last }))).toBe(
    'paused'
  );
  expect(shownOfJob(summary({}))).toBeNull();
});

test('a job that stopped firing is failing', () => {
  expect(isFailing(summary({ job: { error: 'no such zone' } }))).toBe(true);
  expect(isFailing(summary({ last_run: run({}) }))).toBe(false);
});

test('a run is late by the tolerance of its job, until its first attempt', () => {
  const policies = { ...POLICIES, late_after_seconds: 60 };
  const logical_time = NOW.toISOString();
  const queued = run({ state: 'queued', attempt: 0, logical_time, policies });
  const later = new Date(NOW.getTime() + 61_000);
  expect(isLate(queued, NOW)).toBe(false);
  expect(isLate(queued, later)).toBe(true);
  expect(isLate({ ...queued, policies: POLICIES }, later)).toBe(false);
  expect(isLate({ ...queued, attempt: 1 }, later)).toBe(false);
  expect(isLate({ ...queued, state: 'running' }, later)).toBe(false);
});

test('a complaint names the cell as people count, from one', () => {
  const error = {
    name: 'KeyError',
    message: "'fx'",
    cell_index: 6,
    traceback: ''
  };
  expect(complaint(run({ error }))).toBe("cell 7: KeyError: 'fx'");
  expect(complaint(run({ error: { ...error, cell_index: null } }))).toBe(
    "KeyError: 'fx'"
  );
  expect(complaint(run({ reason: 'worker_lost' }))).toBe('its worker stopped');
  expect(complaint(run({}))).toBe('');
});

test('a reason of a later version is shown as it came', () => {
  expect(reasonWord('out_of_memory')).toBe('out of memory');
});
