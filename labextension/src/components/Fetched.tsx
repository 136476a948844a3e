import { useQueryClient } from '@tanstack/react-query';
import * as React from 'react';

import { ApiError } from '../api';
import { trans } from '../i18n';
import { Button } from './basics';
import { useOrch } from './context';

/** Grey lines alone say that something comes, up to this many milliseconds. */
const WORDS = 1_000;
/** After this many milliseconds a person may want to stop waiting. */
const LONG = 10_000;

/** How long this component has been shown, as steps that are worth a word. */
function useWaited(): 'short' | 'worded' | 'long' {
  const [waited, setWaited] = React.useState<'short' | 'worded' | 'long'>(
    'short'
  );
  React.useEffect(() => {
    const timers = [
      window.setTimeout(() => setWaited('worded'), WORDS),
      window.setTimeout(() => setWaited('long'), LONG)
    ];
    return () => timers.forEach(timer => window.clearTimeout(timer));
  }, []);
  return waited;
}

/** Grey lines where text will be; later what is awaited, and then a way to stop. */
export function Skeleton(props: {
  lines?: number;
  /** What is awaited, in words. */
  label?: string;
  onCancel?: () => void;
}) {
  const waited = useWaited();
  const label = props.label ?? trans.__('Loading…');
  return (
    <div className="jp-orch-skeleton" role="status" aria-label={label}>
      {waited !== 'short' && (
        <p className="jp-orch-muted">
          {waited === 'long'
            ? trans.__('%1 This takes long; it may still come.', label)
            : label}{' '}
          {waited === 'long' && props.onCancel && (
            <Button kind="link" onClick={props.onCancel}>
              {trans.__('Cancel')}
            </Button>
          )}
        </p>
      )}
      {Array.from({ length: props.lines ?? 3 }, (_, index) => (
        <div key={index} />
      ))}
    </div>
  );
}

/** What happened, what to do, and a button that does it. */
export function Problem(props: { error: unknown; retry?: () => void }) {
  const { error, retry } = props;
  const hint = error instanceof ApiError ? error.hint : null;
  const down = error instanceof ApiError && error.serviceDown;
  return (
    <div className="jp-orch-problem" role="alert">
      <strong>{error instanceof Error ? error.message : String(error)}</strong>
      {hint && <p>{hint}</p>}
      {down ? (
        <StartButton />
      ) : (
        retry && <Button onClick={retry}>{trans.__('Try again')}</Button>
      )}
    </div>
  );
}

/** Starts the service, and says how that goes. */
export function StartButton(props: { accept?: boolean }) {
  const orch = useOrch();
  const client = useQueryClient();
  const [since, setSince] = React.useState<number | null>(null);
  const [error, setError] = React.useState<unknown>(null);
  const turn = React.useRef(0);
  const start = async () => {
    const mine = ++turn.current;
    setSince(Date.now());
    setError(null);
    try {
      await orch.api.startService();
      await client.invalidateQueries();
    } catch (reason) {
      if (mine === turn.current) {
        setError(reason);
      }
    } finally {
      if (mine === turn.current) {
        setSince(null);
      }
    }
  };
  const stop = () => {
    turn.current += 1;
    setSince(null);
  };
  return (
    <>
      {since === null ? (
        <Button
          kind={props.accept ? 'accept' : 'plain'}
          once
          onClick={() => void start()}
        >
          {trans.__('Start the service')}
        </Button>
      ) : (
        <Starting since={since} onStop={stop} />
      )}
      {Boolean(error) && <Refused error={error} />}
    </>
  );
}

function Starting(props: { since: number; onStop: () => void }) {
  const [now, setNow] = React.useState(Date.now());
  React.useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1_000);
    return () => window.clearInterval(timer);
  }, []);
  const passed = Math.max(0, now - props.since);
  const seconds = Math.floor(passed / 1_000);
  return (
    <div role="status">
      <progress aria-label={trans.__('Starting the service')} />
      <div>
        {seconds
          ? trans.__('Starting the service, %1 s…', seconds)
          : trans.__('Starting the service…')}
      </div>
      {passed >= LONG && (
        <p className="jp-orch-muted">
          {trans.__(
            'It loads its libraries and opens its database; the first time may take two minutes.'
          )}{' '}
          <Button kind="link" onClick={props.onStop}>
            {trans.__('Stop waiting')}
          </Button>
        </p>
      )}
    </div>
  );
}

/** Why the start was refused: without the button that stands right above. */
function Refused(props: { error: unknown }) {
  const { error } = props;
  return (
    <div className="jp-orch-problem" role="alert">
      <strong>{error instanceof Error ? error.message : String(error)}</strong>
      {error instanceof ApiError && error.hint && <p>{error.hint}</p>}
    </div>
  );
}

/** What is shown is older than it should be, and why. */
export function Outdated(props: { error: unknown; retry: () => void }) {
  const { error, retry } = props;
  const said = error instanceof Error ? error.message : String(error);
  return (
    <div className="jp-orch-outdated" role="status">
      <span>{trans.__('Out of date: %1', said)}</span>{' '}
      {error instanceof ApiError && error.serviceDown ? (
        <StartButton />
      ) : (
        <Button kind="link" onClick={retry}>
          {trans.__('Try again')}
        </Button>
      )}
    </div>
  );
}

/** What a page is about is not there any more: say so, and show a way on. */
export function Gone(props: { title: string; note?: string }) {
  const orch = useOrch();
  return (
    <main className="jp-orch-page">
      <div className="jp-orch-empty" role="alert">
        <p>
          <strong>{props.title}</strong>
        </p>
        {props.note && <p>{props.note}</p>}
        <div className="jp-orch-buttons">
          <Button onClick={orch.openPanel}>{trans.__('Show the jobs')}</Button>
          <Button onClick={() => orch.open('runs', '')}>
            {trans.__('Show all runs')}
          </Button>
        </div>
      </div>
    </main>
  );
}

/** Waiting, trouble or content: the three faces of everything that is fetched. */
export function Fetched<T>(props: {
  query: {
    data: T | undefined;
    error: unknown;
    refetch: () => unknown;
    isFetching?: boolean;
    cancel?: () => void;
  };
  lines?: number;
  label?: string;
  /** Stands in for what the server says is not there (any more). */
  gone?: React.ReactNode;
  children: (data: T) => React.ReactNode;
}) {
  const { data, error, refetch, isFetching, cancel } = props.query;
  const retry = () => void refetch();
  if (props.gone && error instanceof ApiError && error.status === 404) {
    return <>{props.gone}</>;
  }
  if (data !== undefined) {
    return (
      <>
        {Boolean(error) && <Outdated error={error} retry={retry} />}
        {props.children(data)}
      </>
    );
  }
  if (error) {
    return <Problem error={error} retry={retry} />;
  }
  if (isFetching === false) {
    return (
      <div className="jp-orch-problem" role="status">
        <p>{trans.__('You stopped waiting for this.')}</p>
        <Button onClick={retry}>{trans.__('Try again')}</Button>
      </div>
    );
  }
  return <Skeleton lines={props.lines} label={props.label} onCancel={cancel} />;
}
