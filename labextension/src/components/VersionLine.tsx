import * as React from 'react';

import { trans } from '../i18n';
import { browserZone, exact } from '../logic/time';
import type { ITableVersion } from '../tokens';

const HEIGHT = 56;
const STEP = 16;
const BAR = 11;
/** Of a version without rows: it still can be seen and hit. */
const LEAST = 3;

/** Says of a version what it was, in one sign. */
export function glyph(version: ITableVersion): string {
  if (version.pinned) {
    return '★';
  }
  if (version.operation === 'rollback' || version.operation === 'undo') {
    return '↶';
  }
  if (version.checks.some(check => !check.passed)) {
    return '⚠';
  }
  return version.run_id ? '' : '◇';
}

/** The same in words, for whoever cannot see it. */
export function words(version: ITableVersion): string {
  const rows =
    version.total_rows === null
      ? trans.__('rows unknown')
      : trans._n('%1 row', '%1 rows', version.total_rows);
  return [
    exact(version.committed_at, browserZone()),
    version.operation,
    rows,
    version.job_name ?? version.user ?? '',
    version.checks.some(check => !check.passed)
      ? trans.__('checks do not hold')
      : '',
    version.current ? trans.__('current') : '',
    version.pinned ? trans.__('pinned') : '',
    version.expired ? trans.__('expired') : ''
  ]
    .filter(Boolean)
    .join(' · ');
}

/**
 * Versions on a line, the newest one on the right, as high as they have rows.
 *
 * One Tab stop: arrows walk, Enter or Space picks, with Shift the one to compare with.
 */
export function VersionLine(props: {
  /** Newest first. */
  versions: ITableVersion[];
  chosen: string;
  other: string | null;
  onPick: (version: string, second: boolean) => void;
}) {
  const shown = [...props.versions].reverse();
  const most = Math.max(1, ...shown.map(version => version.total_rows ?? 0));
  const width = shown.length * STEP;
  const box = React.useRef<HTMLDivElement>(null);
  const newest = shown[shown.length - 1]?.snapshot_id;
  React.useEffect(() => {
    if (box.current) {
      box.current.scrollLeft = box.current.scrollWidth;
    }
  }, [newest]);
  const walk = (event: React.KeyboardEvent<SVGSVGElement>) => {
    const bars = [
      ...event.currentTarget.querySelectorAll<SVGGElement>('[role=option]')
    ];
    const at = bars.indexOf(event.target as SVGGElement);
    const to = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      Home: 0,
      End: bars.length - 1
    }[event.key];
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      props.onPick(bars[at]?.dataset.version ?? '', event.shiftKey);
    } else if (to !== undefined) {
      event.preventDefault();
      bars[Math.min(Math.max(to, 0), bars.length - 1)]?.focus();
    }
  };
  return (
    <div className="jp-orch-line" ref={box}>
      <svg
        role="listbox"
        aria-label={trans.__('Versions, the newest one last')}
        aria-orientation="horizontal"
        aria-multiselectable="true"
        width={width}
        height={HEIGHT + 18}
        onKeyDown={walk}
      >
        {shown.map((version, index) => {
          const id = version.snapshot_id;
          const share = (version.total_rows ?? 0) / most;
          const height = Math.max(LEAST, share * HEIGHT);
          const left = index * STEP;
          return (
            <g
              key={`${id} ${version.committed_at}`}
              role="option"
              data-version={id}
              data-state={stateOf(version)}
              data-second={id === props.other}
              aria-selected={id === props.chosen || id === props.other}
              aria-label={words(version)}
              tabIndex={id === props.chosen ? 0 : -1}
              onClick={event => props.onPick(id, event.shiftKey)}
            >
              <title>{words(version)}</title>
              <rect
                className="jp-orch-line-hit"
                x={left}
                y={0}
                width={STEP}
                height={HEIGHT + 18}
              />
              <rect
                className="jp-orch-line-bar"
                x={left + (STEP - BAR) / 2}
                y={HEIGHT - height}
                width={BAR}
                height={height}
                rx={1.5}
              />
              <text
                x={left + STEP / 2}
                y={HEIGHT + 13}
                textAnchor="middle"
                aria-hidden="true"
              >
                {glyph(version)}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}

function stateOf(version: ITableVersion): string {
  if (version.expired) {
    return 'expired';
  }
  return version.current ? 'current' : 'earlier';
}
