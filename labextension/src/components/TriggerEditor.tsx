import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ApiError } from '../api';
import { trans } from '../i18n';
import { dayAndClock, exact, zones } from '../logic/time';
import {
  applyChoice,
  choiceOf,
  describe,
  IChoice,
  incomplete,
  isEditable,
  Rhythm,
  RHYTHMS,
  rhythmWord,
  Unit,
  UNITS,
  weekdays
} from '../logic/triggers';
import { useFires } from '../queries';
import type { ITrigger } from '../tokens';
import { Fault, Field, IconButton, useNow } from './basics';
import { Problem, Skeleton } from './Fetched';
import { NumberBox } from './typed';

/** The server is asked for fire times when typing has paused this long, in milliseconds. */
const TYPING = 250;

interface IEditor {
  trigger: ITrigger;
  /** What the server said about a field of this trigger when saving. */
  faultOf: (field: string) => string | null;
  onChange: (trigger: ITrigger) => void;
  /** Absent for the only trigger. */
  onRemove?: () => void;
  /** Whether the server takes the trigger as it stands. */
  onVerdict: (id: string, good: boolean) => void;
}

/** When a job runs, with the next five times as they are typed. */
export function TriggerEditor(props: IEditor) {
  return isEditable(props.trigger) ? (
    <Editor {...props} />
  ) : (
    <SetElsewhere {...props} />
  );
}

/** A time that was set from the shell or the API and that the form has no controls for. */
function SetElsewhere(props: IEditor) {
  const { trigger } = props;
  const fires = useFires(trigger);
  return (
    <div
      className="jp-orch-trigger"
      role="group"
      aria-label={trans.__('Schedule')}
    >
      <div className="jp-orch-line">
        <span>
          {describe(trigger)} ({trigger.time_zone})
        </span>
        {props.onRemove && (
          <IconButton
            icon={closeIcon}
            label={trans.__('Remove this time')}
            onClick={props.onRemove}
          />
        )}
      </div>
      <p className="jp-orch-muted">
        {trans.__('It was set from the command line and is kept as it is.')}
      </p>
      {fires.error ? (
        <Problem error={fires.error} retry={() => void fires.refetch()} />
      ) : (
        <Fires query={fires} zone={trigger.time_zone} />
      )}
    </div>
  );
}

function Editor(props: IEditor) {
  const { trigger, onChange, onVerdict } = props;
  // What a person picked stands, also while a cron text looks like a preset.
  const [choice, setChoice] = React.useState(() => choiceOf(trigger));
  const missing = incomplete(choice);
  const settled = useSettledTrigger(trigger);
  const fires = useFires(settled);
  const refusal =
    fires.error instanceof ApiError && fires.error.status === 422
      ? fires.error
      : null;
  const good = !missing && !refusal;
  React.useEffect(
    () => onVerdict(trigger.id, good),
    [good, onVerdict, trigger.id]
  );

  const pick = (patch: Partial<IChoice>) => {
    const next = { ...choice, ...patch };
    setChoice(next);
    // Half a time is no trigger: the one before stands until the rest is typed.
    if (!incomplete(next)) {
      onChange(applyChoice(trigger, next));
    }
  };
  const said = (field: string) =>
    props.faultOf(field) ??
    refusal?.problems.find(p => lastPart(p.field) === field)?.title ??
    null;
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
      <Details choice={choice} missing={missing} pick={pick} said={said} />
      <Zone
        value={trigger.time_zone}
        fault={said('time_zone')}
        onChange={time_zone => onChange({ ...trigger, time_zone })}
      />
      {elsewhere && <Fault text={elsewhere.title} />}
      {good && fires.error && (
        <Problem error={fires.error} retry={() => void fires.refetch()} />
      )}
      {good && !fires.error && <Fires query={fires} zone={settled.time_zone} />}
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
  missing: string | null;
  pick: (patch: Partial<IChoice>) => void;
  said: (field: string) => string | null;
}) {
  const { choice, missing, pick, said } = props;
  const cronFault = missing ?? said('cron');
  switch (choice.rhythm) {
    case 'cron':
      return (
        <Field
          label={trans.__('Cron expression')}
          description={trans.__('minute hour day month weekday')}
          fault={cronFault}
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
        <Field
          label={trans.__('Every')}
          fault={missing ?? said('every_seconds')}
        >
          {aria => (
            <div className="jp-orch-line">
              <NumberBox
                aria={aria}
                min={1}
                value={orNull(choice.every)}
                onChange={every => pick({ every: every ?? NaN })}
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
        <Field label={trans.__('At minute')} fault={cronFault}>
          {aria => (
            <NumberBox
              aria={aria}
              min={0}
              max={59}
              value={orNull(choice.minute)}
              onChange={minute => pick({ minute: minute ?? NaN })}
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
            <Field
              label={trans.__('On day')}
              fault={choice.time ? cronFault : null}
            >
              {aria => (
                <NumberBox
                  aria={aria}
                  min={1}
                  max={31}
                  value={orNull(choice.day)}
                  onChange={day => pick({ day: day ?? NaN })}
                />
              )}
            </Field>
          )}
          <Field
            label={trans.__('At')}
            fault={choice.rhythm === 'month' && choice.time ? null : cronFault}
          >
            {aria => (
              <input
                {...aria}
                type="time"
                className="jp-mod-styled"
                required
                value={choice.time}
                onChange={event => pick({ time: event.target.value })}
              />
            )}
          </Field>
        </>
      );
  }
}

function orNull(number: number): number | null {
  return Number.isNaN(number) ? null : number;
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
    return <Skeleton lines={2} label={trans.__('Computing the next runs…')} />;
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
