import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { pauseIcon } from '../icons';
import { GLYPHS, Shown, word } from '../logic/states';
import {
  ago,
  browserZone,
  dayAndClock,
  duration,
  exact,
  until
} from '../logic/time';

/** The wall clock; all that show time by the same period agree. */
export function useNow(period = 5_000): Date {
  return React.useSyncExternalStore(
    React.useCallback(
      listener => clockOf(period).subscribe(listener),
      [period]
    ),
    () => clockOf(period).now()
  );
}

interface IClock {
  now(): Date;
  subscribe(listener: () => void): () => void;
}

const clocks = new Map<number, IClock>();

function clockOf(period: number): IClock {
  const known = clocks.get(period);
  if (known) {
    return known;
  }
  const listeners = new Set<() => void>();
  let now = new Date();
  let timer = 0;
  const tick = () => {
    now = new Date();
    listeners.forEach(listener => listener());
  };
  const clock: IClock = {
    now: () => now,
    subscribe: listener => {
      if (!listeners.size) {
        now = new Date();
        timer = window.setInterval(tick, period);
      }
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (!listeners.size) {
          window.clearInterval(timer);
        }
      };
    }
  };
  clocks.set(period, clock);
  return clock;
}

/** A state in one glance: glyph and word, never colour alone. */
export function State(props: { of: Shown; wordless?: boolean }) {
  return (
    <span className="jp-orch-state" data-state={props.of}>
      <span className="jp-orch-glyph" aria-hidden="true">
        {/* Few fonts have a pause sign, and some draw it as a picture. */}
        {props.of === 'paused' ? (
          <pauseIcon.react tag="span" width="15px" height="15px" />
        ) : (
          GLYPHS[props.of]
        )}
      </span>
      <span className={props.wordless ? 'jp-orch-unseen' : undefined}>
        {word(props.of)}
      </span>
    </span>
  );
}

/** An instant for people; the exact one on hover and for screen readers. */
export function Instant(props: {
  at: string;
  as: 'until' | 'ago' | 'day';
  zone?: string;
}) {
  const now = useNow();
  const zone = props.zone ?? browserZone();
  const words = { until, ago, day: dayAndClock }[props.as];
  const full = exact(props.at, zone);
  return (
    <time dateTime={props.at} title={full}>
      {words(props.at, zone, now)}
      <span className="jp-orch-unseen"> ({full})</span>
    </time>
  );
}

/** How long something took, or takes until now. */
export function Elapsed(props: { from: string; to: string | null }) {
  const now = useNow(props.to ? 60_000 : 1_000);
  const end = props.to ? new Date(props.to) : now;
  return <>{duration(end.getTime() - new Date(props.from).getTime())}</>;
}

export function IconButton(props: {
  icon: LabIcon;
  label: string;
  onClick: () => void;
  tabIndex?: number;
  disabled?: boolean;
  /** A double click does it once. */
  once?: boolean;
}) {
  return (
    <button
      type="button"
      className="jp-orch-icon-button"
      title={props.label}
      aria-label={props.label}
      tabIndex={props.tabIndex}
      disabled={props.disabled}
      onClick={event => {
        event.stopPropagation();
        if (!props.once || event.detail < 2) {
          props.onClick();
        }
      }}
    >
      <props.icon.react tag="span" width="16px" height="16px" />
    </button>
  );
}

type Kind = 'plain' | 'accept' | 'warn' | 'link';

export function Button(props: {
  children: React.ReactNode;
  onClick?: () => void;
  kind?: Kind;
  submit?: boolean;
  disabled?: boolean;
  title?: string;
  /** A double click does it once. */
  once?: boolean;
}) {
  const kind = props.kind ?? 'plain';
  return (
    <button
      type={props.submit ? 'submit' : 'button'}
      className={`jp-orch-button jp-orch-button-${kind}`}
      disabled={props.disabled}
      title={props.title}
      onClick={event => {
        if (!props.once || event.detail < 2) {
          props.onClick?.();
        }
      }}
    >
      {props.children}
    </button>
  );
}

/** A labelled control with its explanation and what is wrong with it. */
export function Field(props: {
  label: string;
  description?: string;
  fault?: string | null;
  note?: React.ReactNode;
  children: (aria: IAria) => React.ReactNode;
}) {
  const id = React.useId();
  const described = [
    props.description ? `${id}-description` : '',
    props.fault ? `${id}-fault` : ''
  ].filter(Boolean);
  return (
    <div className="jp-orch-field" data-faulty={Boolean(props.fault)}>
      <div className="jp-orch-label">
        <label htmlFor={id}>{props.label}</label>
        {props.note}
      </div>
      {props.children({
        id,
        'aria-invalid': props.fault ? true : undefined,
        'aria-describedby': described.join(' ') || undefined
      })}
      {props.description && (
        <div id={`${id}-description`} className="jp-orch-description">
          {props.description}
        </div>
      )}
      <Fault id={`${id}-fault`} text={props.fault} />
    </div>
  );
}

export interface IAria {
  id: string;
  'aria-invalid': true | undefined;
  'aria-describedby': string | undefined;
}

export function Fault(props: { text?: string | null; id?: string }) {
  return props.text ? (
    <div id={props.id} className="jp-orch-fault" role="alert">
      {props.text}
    </div>
  ) : null;
}

/** Tabs by the ARIA pattern: arrows move, the panel follows. */
export function Tabs(props: {
  label: string;
  /** The tab in front, where the owner decides it. */
  chosen?: string;
  onChoose?: (id: string) => void;
  tabs: { id: string; title: string; body: () => React.ReactNode }[];
}) {
  const base = React.useId();
  const [own, setOwn] = React.useState(props.tabs[0].id);
  const chosen = props.chosen ?? own;
  const choose = (id: string) => {
    setOwn(id);
    props.onChoose?.(id);
  };
  const active = props.tabs.find(tab => tab.id === chosen) ?? props.tabs[0];
  const onKey = (event: React.KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      const count = props.tabs.length;
      const index = (props.tabs.indexOf(active) + step + count) % count;
      choose(props.tabs[index].id);
      document.getElementById(`${base}-${props.tabs[index].id}`)?.focus();
    }
  };
  return (
    <div className="jp-orch-tabs">
      <div role="tablist" aria-label={props.label} onKeyDown={onKey}>
        {props.tabs.map(tab => (
          <button
            key={tab.id}
            id={`${base}-${tab.id}`}
            type="button"
            role="tab"
            aria-selected={tab === active}
            aria-controls={`${base}-panel`}
            tabIndex={tab === active ? 0 : -1}
            onClick={() => choose(tab.id)}
          >
            {tab.title}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${base}-panel`}
        aria-labelledby={`${base}-${active.id}`}
      >
        {active.body()}
      </div>
    </div>
  );
}
