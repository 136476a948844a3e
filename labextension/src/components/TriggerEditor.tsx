import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ApiError } from '../api';
import { trans } from '../i18n';
import { dayAndClock, exact, zones } from '../logic/time';
import {
  applyChoice,
  choiceOf,
  IChoice,
  Rhythm,
  RHYTHMS,
  rhythmWord,
  Unit,
  UNITS,
  weekdays
} from '../logic/triggers';
import { useFires } from '../queries';
import type { ITrigger } from '../tokens';
import { Fault, Field, IconButton, Skeleton, useNow } from './basics';

/** The server is asked for fire times when typing has paused this long, in milliseconds. */
const TYPING = 250;

/** When a job runs, with the next five times as they are typed. */
export function TriggerEditor(props: {
  trigger: ITrigger;
  /** What the server said about a field of this trigger when saving. */
  faultOf: (field: string) => string | null;
  onChange: (trigger: ITrigger) => void;
  /** Absent for the only trigger. */
  onRemove?: () => void;
  /** Whether the server takes the trigger as it stands. */
  onVerdict: (id: string, good: boolean) => void;
}) {
  const { trigger, onChange, onVerdict } = props;
  // What a person picked stands, also while a cron text looks like a preset.
  const [choice, setChoice] = React.useState(() => choiceOf(trigger));
  const settled = useSettledTrigger(trigger);
  const fires = useFires(settled);
  const refusal = fires.error instanceof ApiError ? fires.error : null;
  const bad = refusal?.status === 422;
  React.useEffect(
    () => onVerdict(trigger.id, !bad),
    [bad, onVerdict, trigger.id]
  );

  const pick = (patch: Partial<IChoice>) => {
    const next = { ...choice, ...patch };
    setChoice(next);
    onChange(applyChoice(trigger, next));
  };
  const said = (field: string) =>
    props.faultOf(field) ??
    (bad
      ? (refusal.problems.find(p => lastPart(p.field) === field)?.title ?? null)
      : null);
  const named = ['cron', 'every_seconds', 'time_zone'];
  const elsewhere = refusal?.problems.find(
    p => !named.includes(lastPart(p.field))
  );
  return (
    <div
      className="jp-orch-trigger"
      role="group"
      aria-label={trans.__('Schedule')}
    >
      <Field label={trans.__('When')}>
        {aria => (
          <div className="jp-orch-line">
            <select
              {...aria}
              className="jp-mod-styled"
              value={choice.rhythm}
              onChange={event => pick({ rhythm: event.target.value as Rhythm })}
            >
              {RHYTHMS.map(rhythm => (
                <option key={rhythm} value={rhythm}>
                  {rhythmWord(rhythm)}
                </option>
              ))}
            </select>
            {props.onRemove && (
              <IconButton
                icon={closeIcon}
                label={trans.__('Remove this time')}
                onClick={props.onRemove}
              />
            )}
          </div>
        )}
      </Field>
      <Details choice={choice} pick={pick} said={said} />
      <Zone
        value={trigger.time_zone}
        fault={said('time_zone')}
        onChange={time_zone => onChange({ ...trigger, time_zone })}
      />
      {refusal && elsewhere && <Fault text={elsewhere.title} />}
      {!fires.error && <Fires query={fires} zone={settled.time_zone} />}
    </div>
  );
}

function lastPart(field: string | null): string {
  return field?.split('.').pop() ?? '';
}

function useSettledTrigger(trigger: ITrigger): ITrigger {
  const [settled, settle] = React.useState(trigger);
  React.useEffect(() => {
    const timer = window.setTimeout(() => settle(trigger), TYPING);
    return () => window.clearTimeout(timer);
  }, [trigger]);
  return settled;
}

/** The controls that the chosen rhythm needs. */
function Details(props: {
  choice: IChoice;
  pick: (patch: Partial<IChoice>) => void;
  said: (field: string) => string | null;
}) {
  const { choice, pick, said } = props;
  const number = (raw: string) => (raw === '' ? NaN : Number(raw));
  switch (choice.rhythm) {
    case 'cron':
      return (
        <Field
          label={trans.__('Cron expression')}
          description={trans.__('minute hour day month weekday')}
          fault={said('cron')}
        >
          {aria => (
            <input
              {...aria}
              type="text"
              className="jp-mod-styled jp-orch-code"
              spellCheck={false}
              value={choice.cron}
              onChange={event => pick({ cron: event.target.value })}
            />
          )}
        </Field>
      );
    case 'interval':
      return (
        <Field label={trans.__('Every')} fault={said('every_seconds')}>
          {aria => (
            <div className="jp-orch-line">
              <input
                {...aria}
                type="number"
                min={1}
                className="jp-mod-styled"
                value={Number.isNaN(choice.every) ? '' : choice.every}
                onChange={event => pick({ every: number(event.target.value) })}
              />
              <select
                className="jp-mod-styled"
                aria-label={trans.__('Unit')}
                value={choice.unit}
                onChange={event => pick({ unit: event.target.value as Unit })}
              >
                {Object.keys(UNITS).map(unit => (
                  <option key={unit} value={unit}>
                    {unit}
                  </option>
                ))}
              </select>
            </div>
          )}
        </Field>
      );
    case 'hour':
      return (
        <Field label={trans.__('At minute')} fault={said('cron')}>
          {aria => (
            <input
              {...aria}
              type="number"
              min={0}
              max={59}
              className="jp-mod-styled"
              value={Number.isNaN(choice.minute) ? '' : choice.minute}
              onChange={event => pick({ minute: number(event.target.value) })}
            />
          )}
        </Field>
      );
    default:
      return (
        <>
          {choice.rhythm === 'week' && (
            <Field label={trans.__('On')}>
              {aria => (
                <select
                  {...aria}
                  className="jp-mod-styled"
                  value={choice.weekday}
                  onChange={event =>
                    pick({ weekday: Number(event.target.value) })
                  }
                >
                  {weekdays().map((day, index) => (
                    <option key={day} value={index}>
                      {day}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          )}
          {choice.rhythm === 'month' && (
            <Field label={trans.__('On day')} fault={said('cron')}>
              {aria => (
                <input
                  {...aria}
                  type="number"
                  min={1}
                  max={31}
                  className="jp-mod-styled"
                  value={Number.isNaN(choice.day) ? '' : choice.day}
                  onChange={event => pick({ day: number(event.target.value) })}
                />
              )}
            </Field>
          )}
          <Field
            label={trans.__('At')}
            fault={choice.rhythm === 'month' ? null : said('cron')}
          >
            {aria => (
              <input
                {...aria}
                type="time"
                className="jp-mod-styled"
                required
                value={choice.time}
                onChange={event =>
                  pick({ time: event.target.value || '00:00' })
                }
              />
            )}
          </Field>
        </>
      );
  }
}

function Zone(props: {
  value: string;
  fault: string | null;
  onChange: (zone: string) => void;
}) {
  const list = React.useId();
  const known = React.useMemo(zones, []);
  return (
    <Field label={trans.__('Time zone')} fault={props.fault}>
      {aria => (
        <>
          <input
            {...aria}
            type="text"
            list={list}
            className="jp-mod-styled"
            autoComplete="off"
            spellCheck={false}
            value={props.value}
            onChange={event => props.onChange(event.target.value)}
          />
          <datalist id={list}>
            {known.map(zone => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}

function Fires(props: { query: ReturnType<typeof useFires>; zone: string }) {
  const now = useNow();
  const { data } = props.query;
  if (!data) {
    return <Skeleton lines={2} label={trans.__('Computing the next runs')} />;
  }
  return (
    <div className="jp-orch-fires" aria-live="polite">
      <div className="jp-orch-muted">{trans.__('Next runs')}</div>
      <ol>
        {data.fires.map(fire => (
          <li key={fire.at} title={exact(fire.at, props.zone)}>
            <time dateTime={fire.at}>
              {dayAndClock(fire.at, props.zone, now)}
            </time>
            {fire.note && <em> {fire.note}</em>}
          </li>
        ))}
      </ol>
    </div>
  );
}
