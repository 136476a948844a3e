import { cleanup, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, expect, it } from 'vitest';

import { Api } from '../src/api';
import { CheckList, CheckMark } from '../src/components/Checks';
import type { ICheckResult } from '../src/tokens';

const HOLDS: ICheckResult = {
  name: 'rows_min',
  severity: 'error',
  passed: true,
  seen: '7 rows came'
};
const FAILS: ICheckResult = {
  name: 'not_null carrier',
  severity: 'warn',
  passed: false,
  seen: '<b>2</b> of 7 rows have no carrier'
};

afterEach(cleanup);

it('says in one glyph that all checks hold, and what was seen on hover', () => {
  render(<CheckMark checks={[HOLDS]} />);
  const mark = screen.getByRole('img', { name: '1 check holds' });
  expect(mark.textContent).toBe('✓');
  expect(mark.title).toContain('rows_min: 7 rows came');
});

it('counts those that do not hold', () => {
  render(<CheckMark checks={[HOLDS, FAILS]} />);
  const mark = screen.getByRole('img', { name: /^1 of 2 checks/ });
  expect(mark.textContent).toBe('⚠');
});

it('is silent where nothing was checked', () => {
  const { container } = render(<CheckMark checks={[]} />);
  expect(container.textContent).toBe('');
});

it('lists what does not hold first, and takes words for words', () => {
  render(<CheckList checks={[HOLDS, FAILS]} />);
  const lines = screen.getAllByRole('listitem').map(item => item.textContent);
  expect(lines[0]).toContain('does not hold');
  expect(lines[0]).toContain('<b>2</b> of 7 rows have no carrier');
  expect(lines[1]).toContain('7 rows came');
});

it('takes a version of an older service, which knows no checks', async () => {
  const body = '{"items": [{"snapshot_id": 1}], "next_cursor": null}';
  const api = new Api(() => Promise.resolve(new Response(body)));
  const page = await api.versions('analytics.sales');
  expect(page.items[0].checks).toEqual([]);
});
