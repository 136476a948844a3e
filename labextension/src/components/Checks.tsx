import * as React from 'react';

import { trans } from '../i18n';
import type { ICheckResult } from '../tokens';

/** Whether a version's checks hold, in one glyph; what was seen is told on hover. */
export function CheckMark(props: { checks: ICheckResult[] }) {
  const { checks } = props;
  if (!checks.length) {
    return null;
  }
  const failed = checks.filter(check => !check.passed).length;
  const said = failed
    ? trans.__('%1 of %2 checks do not hold', failed, checks.length)
    : trans._n('%1 check holds', '%1 checks hold', checks.length);
  const title = [said, ...checks.map(line)].join('\n');
  return (
    <span
      className="jp-orch-checks"
      data-passed={!failed}
      role="img"
      aria-label={said}
      title={title}
    >
      {glyph(!failed)}
    </span>
  );
}

/** Each check with what it saw; those that do not hold come first. */
export function CheckList(props: { checks: ICheckResult[] }) {
  const checks = [...props.checks].sort(
    (one, other) => Number(one.passed) - Number(other.passed)
  );
  if (!checks.length) {
    return null;
  }
  return (
    <ul className="jp-orch-checklist" aria-label={trans.__('Checks')}>
      {checks.map((check, index) => (
        <li key={index} data-passed={check.passed}>
          <span className="jp-orch-checks" data-passed={check.passed}>
            <span aria-hidden="true">{glyph(check.passed)}</span>
            <span className="jp-orch-unseen">
              {check.passed ? trans.__('holds') : trans.__('does not hold')}
            </span>
          </span>{' '}
          <code>{check.name}</code>{' '}
          <span className="jp-orch-muted">{check.seen}</span>
        </li>
      ))}
    </ul>
  );
}

function glyph(passed: boolean): string {
  return passed ? '✓' : '⚠';
}

function line(check: ICheckResult): string {
  return `${glyph(check.passed)} ${check.name}: ${check.seen}`;
}
