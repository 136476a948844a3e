import * as React from 'react';

import { trans } from '../i18n';
import type { IField } from '../logic/parameters';
import { extras } from '../logic/triggerWords';
import type { IChoice } from '../logic/triggers';
import type { ITrigger, Values } from '../tokens';
import { Field } from './basics';
import { ExcludedDates, ExcludedWeekdays } from './ExcludedDays';
import { Fold } from './Fold';
import { OwnValues } from './OwnValues';
import { Moment } from './TriggerWhen';
import { DurationBox } from './typed';

/** What few triggers need: bounds, days off, a spread, values of their own. */
export function TriggerMore(props: {
  trigger: ITrigger;
  choice: IChoice;
  pick: (patch: Partial<IChoice>) => void;
  onChange: (patch: Partial<ITrigger>) => void;
  said: (field: string) => string | null;
  /** The notebook's parameters, and their values as the job has them. */
  fields: IField[];
  values: Values;
}) {
  const { trigger, choice, pick, onChange, said } = props;
  const faulty = [
    ...['start', 'end', 'jitter_seconds', 'exclude_dates', 'exclude_weekdays'],
    ...['parameters', trigger.kind === 'interval' ? 'anchor' : '']
  ].some(name => name && said(name));
  return (
    <Fold title={trans.__('More')} note={extras(trigger)} faulty={faulty}>
      {trigger.kind === 'interval' && (
        <Moment
          label={trans.__('Counted from')}
          description={trans.__('Empty: from when it is saved.')}
          value={choice.anchor}
          fault={said('anchor')}
          onChange={anchor => pick({ anchor })}
        />
      )}
      {trigger.kind !== 'once' && (
        <>
          <Moment
            label={trans.__('Not before')}
            value={choice.start}
            fault={said('start')}
            onChange={start => pick({ start })}
          />
          <Moment
            label={trans.__('Not after')}
            value={choice.end}
            fault={said('end')}
            onChange={end => pick({ end })}
          />
          <ExcludedWeekdays
            days={trigger.exclude_weekdays ?? []}
            fault={said('exclude_weekdays')}
            onChange={exclude_weekdays => onChange({ exclude_weekdays })}
          />
          <ExcludedDates
            dates={trigger.exclude_dates ?? []}
            fault={said('exclude_dates')}
            onChange={exclude_dates => onChange({ exclude_dates })}
          />
        </>
      )}
      <Field
        label={trans.__('Begin up to so much later')}
        description={trans.__(
          'Spreads what is due at the same time; always as late for this job.'
        )}
        fault={said('jitter_seconds')}
      >
        {aria => (
          <DurationBox
            aria={aria}
            value={trigger.jitter_seconds || null}
            onChange={jitter =>
              onChange({ jitter_seconds: Math.round(jitter ?? 0) })
            }
          />
        )}
      </Field>
      <OwnValues
        title={trans.__('Own parameters')}
        fields={props.fields}
        own={trigger.parameters ?? {}}
        base={props.values}
        baseWord={trans.__('job')}
        faultOf={name => said(`parameters.${name}`)}
        onChange={parameters => onChange({ parameters })}
      />
    </Fold>
  );
}
