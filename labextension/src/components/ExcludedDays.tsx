import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { trans } from '../i18n';
import { WEEK, weekdayWord } from '../logic/triggerWords';
import type { Weekday } from '../tokens';
import { Button, Fault, Field } from './basics';

/** So many dates are shown at first: a calendar of holidays may have thousands. */
const SHOWN = 12;

/** Days of the week on which nothing is due. */
export function ExcludedWeekdays(props: {
  days: Weekday[];
  fault: string | null;
  onChange: (days: Weekday[]) => void;
}) {
  const { days, onChange } = props;
  return (
    <fieldset className="jp-orch-field">
      <legend>{trans.__('Not on these days')}</legend>
      <div className="jp-orch-choices">
        {WEEK.map(day => (
          <label key={day} className="jp-orch-check">
            <input
              type="checkbox"
              checked={days.includes(day)}
              onChange={event =>
                onChange(
                  event.target.checked
                    ? [...days, day]
                    : days.filter(one => one !== day)
                )
              }
            />
            <abbr title={weekdayWord(day)}>{weekdayWord(day).slice(0, 2)}</abbr>
          </label>
        ))}
      </div>
      <Fault text={props.fault} />
    </fieldset>
  );
}

/** Dates on which nothing is due. */
export function ExcludedDates(props: {
  dates: string[];
  fault: string | null;
  onChange: (dates: string[]) => void;
}) {
  const { dates, onChange } = props;
  const [typed, setTyped] = React.useState('');
  const [all, setAll] = React.useState(false);
  const box = React.useRef<HTMLDivElement>(null);
  const sorted = [...dates].sort();
  const add = () => {
    if (typed && !dates.includes(typed)) {
      onChange([...dates, typed]);
    }
    setTyped('');
  };
  const remove = (date: string) => {
    onChange(dates.filter(one => one !== date));
    // The button goes away: the focus stays in the list.
    box.current?.querySelector('input')?.focus();
  };
  return (
    <Field label={trans.__('Not on these dates')} fault={props.fault}>
      {aria => (
        <div ref={box} className="jp-orch-control">
          <div className="jp-orch-line">
            <input
              {...aria}
              type="date"
              className="jp-mod-styled"
              value={typed}
              onChange={event => setTyped(event.target.value)}
              onKeyDown={event => {
                if (event.key === 'Enter') {
                  event.preventDefault(); // it saves no form
                  add();
                }
              }}
            />
            <Button disabled={!typed} onClick={add}>
              {trans.__('Add')}
            </Button>
          </div>
          {sorted.length > 0 && (
            <ul
              className="jp-orch-chips"
              aria-label={trans.__('Dates that are left out')}
            >
              {sorted.slice(0, all ? undefined : SHOWN).map(date => (
                <li key={date}>
                  {date}
                  <button
                    type="button"
                    title={trans.__('Take %1 out', date)}
                    aria-label={trans.__('Take %1 out', date)}
                    onClick={() => remove(date)}
                  >
                    <closeIcon.react tag="span" width="12px" height="12px" />
                  </button>
                </li>
              ))}
            </ul>
          )}
          {!all && sorted.length > SHOWN && (
            <Button kind="link" onClick={() => setAll(true)}>
              {trans.__('Show all %1', sorted.length)}
            </Button>
          )}
        </div>
      )}
    </Field>
  );
}
