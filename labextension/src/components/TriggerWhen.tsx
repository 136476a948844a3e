import * as React from 'react';

import { trans } from '../i18n';
import { stepWord, unitWord, weekdays } from '../logic/triggerWords';
import { IChoice, IGap, Unit, UNITS } from '../logic/triggers';
import type { CalendarUnit } from '../tokens';
import { Field } from './basics';
import { NumberBox } from './typed';

const STEPS: CalendarUnit[] = ['day', 'week', 'month', 'year'];

/** The controls that the chosen rhythm needs. */
export function TriggerWhen(props: {
  choice: IChoice;
  gap: IGap | null;
  pick: (patch: Partial<IChoice>) => void;
  /** What the server says about a field of the trigger. */
  said: (field: string) => string | null;
}) {
  const { choice, gap, pick, said } = props;
  const faultOf = (name: keyof IChoice, field: string) =>
    gap?.of === name ? gap.text : gap ? null : said(field);
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
    case 'once':
      return (
        <Moment
          label={trans.__('On')}
          value={choice.at}
          fault={faultOf('at', 'at')}
          onChange={at => pick({ at })}
        />
      );
    case 'calendar':
      return (
        <>
          <Field
            label={trans.__('Every')}
            fault={faultOf('steps', 'calendar_every') ?? said('calendar_unit')}
          >
            {aria => (
              <div className="jp-orch-line">
                <NumberBox
                  aria={aria}
                  min={1}
                  value={orNull(choice.steps)}
                  onChange={steps => pick({ steps: steps ?? NaN })}
                />
                <select
                  className="jp-mod-styled"
                  aria-label={trans.__('Unit')}
                  value={choice.step}
                  onChange={event =>
                    pick({ step: event.target.value as CalendarUnit })
                  }
                >
                  {STEPS.map(step => (
                    <option key={step} value={step}>
                      {stepWord(step)}
                    </option>
                  ))}
                </select>
              </div>
            )}
          </Field>
          <Moment
            label={trans.__('First run')}
            description={trans.__(
              'The others have its time, and its day of the week or month.'
            )}
            value={choice.anchor}
            fault={faultOf('anchor', 'anchor')}
            onChange={anchor => pick({ anchor })}
          />
        </>
      );
    case 'interval':
      return (
        <Field
          label={trans.__('Every')}
          fault={faultOf('every', 'every_seconds')}
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
                {(Object.keys(UNITS) as Unit[]).map(unit => (
                  <option key={unit} value={unit}>
                    {unitWord(unit)}
                  </option>
                ))}
              </select>
            </div>
          )}
        </Field>
      );
    case 'hour':
      return (
        <Field label={trans.__('At minute')} fault={faultOf('minute', 'cron')}>
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
            <Field label={trans.__('On day')} fault={faultOf('day', 'cron')}>
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
            fault={
              choice.rhythm === 'month' && gap?.of !== 'time'
                ? null
                : faultOf('time', 'cron')
            }
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

/** A day and a time on the clock of the trigger's zone. */
export function Moment(props: {
  label: string;
  description?: string;
  value: string;
  fault: string | null;
  onChange: (value: string) => void;
}) {
  return (
    <Field
      label={props.label}
      description={props.description}
      fault={props.fault}
    >
      {aria => (
        <input
          {...aria}
          type="datetime-local"
          className="jp-mod-styled"
          value={props.value}
          // Whole minutes, unless there are seconds already.
          step={props.value.length > 16 ? 1 : 60}
          onChange={event => props.onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

function orNull(number: number): number | null {
  return Number.isNaN(number) ? null : number;
}
