import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ApiError } from '../api';
import { trans } from '../i18n';
import { fault, IField } from '../logic/parameters';
import { rhythmWord } from '../logic/triggerWords';
import {
  applyChoice,
  choiceOf,
  IChoice,
  incomplete,
  Rhythm,
  RHYTHMS,
  withRhythm
} from '../logic/triggers';
import { useFires } from '../queries';
import type { ITrigger, Values } from '../tokens';
import { Fault, Field, IconButton } from './basics';
import { Problem, Skeleton } from './Fetched';
import { Fires } from './Fires';
import { TriggerMore } from './TriggerMore';
import { TriggerWhen } from './TriggerWhen';
import { ZoneField } from './ZoneField';

/** The server is asked for fire times when typing has paused this long, in milliseconds. */
const TYPING = 250;

export interface ITriggerEditor {
  trigger: ITrigger;
  /** The notebook's parameters, and their values as the job has them. */
  fields: IField[];
  values: Values;
  /** What the server said about a field of this trigger when saving. */
  faultOf: (field: string) => string | null;
  onChange: (trigger: ITrigger) => void;
  onRemove: () => void;
  /** Whether the server takes the trigger as it stands. */
  onVerdict: (id: string, good: boolean) => void;
}

/** The fields of a trigger that have a control. */
export function triggerControls(trigger: ITrigger): string[] {
  const own = {
    cron: ['cron'],
    interval: ['every_seconds', 'anchor'],
    calendar: ['calendar_every', 'calendar_unit', 'anchor'],
    once: ['at']
  }[trigger.kind];
  return [
    ...['time_zone', 'jitter_seconds', ...own],
    ...(trigger.kind === 'once'
      ? []
      : ['start', 'end', 'exclude_dates', 'exclude_weekdays']),
    ...Object.keys(trigger.parameters ?? {}).map(name => `parameters.${name}`)
  ];
}

/** When a job runs, with the next five times as they are typed. */
export function TriggerEditor(props: ITriggerEditor) {
  const { trigger, onChange, onVerdict } = props;
  // What a person picked stands, also while a cron text looks like a preset.
  const [choice, setChoice] = React.useState(() => choiceOf(trigger));
  const gap = incomplete(choice);
  const settled = useSettledTrigger(trigger);
  const fires = useFires(settled);
  const refusal =
    fires.error instanceof ApiError && fires.error.status === 422
      ? fires.error
      : null;
  const own = trigger.parameters ?? {};
  const fits = props.fields.every(
    field => !(field.name in own) || !fault(field, own[field.name])
  );
  const good = !gap && !refusal && fits;
  React.useEffect(
    () => onVerdict(trigger.id, good),
    [good, onVerdict, trigger.id]
  );

  const take = (next: IChoice) => {
    setChoice(next);
    // Half a time is no trigger: the one before stands until the rest is typed.
    if (!incomplete(next)) {
      onChange(applyChoice(trigger, next));
    }
  };
  const pick = (patch: Partial<IChoice>) => take({ ...choice, ...patch });
  const said = (field: string) =>
    props.faultOf(field) ??
    refusal?.problems.find(p => fieldOf(p.field) === field)?.title ??
    null;
  const named = triggerControls(trigger);
  const elsewhere = refusal?.problems.find(
    p => !named.includes(fieldOf(p.field))
  );
  return (
    <>
      <Field label={trans.__('When')}>
        {aria => (
          <div className="jp-orch-line">
            <select
              {...aria}
              className="jp-mod-styled"
              value={choice.rhythm}
              onChange={event =>
                take(withRhythm(choice, event.target.value as Rhythm))
              }
            >
              {RHYTHMS.map(rhythm => (
                <option key={rhythm} value={rhythm}>
                  {rhythmWord(rhythm)}
                </option>
              ))}
            </select>
            <IconButton
              icon={closeIcon}
              label={trans.__('Remove this time')}
              onClick={props.onRemove}
            />
          </div>
        )}
      </Field>
      <TriggerWhen choice={choice} gap={gap} pick={pick} said={said} />
      <ZoneField
        value={trigger.time_zone}
        fault={said('time_zone')}
        // What stands on the clock stays, and is read in the other zone.
        onChange={time_zone =>
          onChange(
            gap
              ? { ...trigger, time_zone }
              : applyChoice({ ...trigger, time_zone }, choice)
          )
        }
      />
      {elsewhere && <Fault text={elsewhere.title} />}
      {!gap && !refusal && fires.error && (
        <Problem error={fires.error} retry={() => void fires.refetch()} />
      )}
      {!gap && !fires.error && !fires.data && (
        <Skeleton lines={2} label={trans.__('Computing the next runs…')} />
      )}
      {!gap && !fires.error && fires.data && (
        <Fires
          fires={fires.data}
          zone={settled.time_zone}
          title={trans.__('Next runs')}
        />
      )}
      <TriggerMore
        trigger={trigger}
        choice={choice}
        pick={pick}
        onChange={patch => onChange({ ...trigger, ...patch })}
        said={said}
        fields={props.fields}
        values={props.values}
      />
    </>
  );
}

/** `exclude_dates` of `trigger.exclude_dates.3`; `parameters.day` stays whole. */
function fieldOf(field: string | null): string {
  return (field ?? '').replace(/^trigger\./, '').replace(/\.\d+$/, '');
}

function useSettledTrigger(trigger: ITrigger): ITrigger {
  const [settled, settle] = React.useState(trigger);
  React.useEffect(() => {
    const timer = window.setTimeout(() => settle(trigger), TYPING);
    return () => window.clearTimeout(timer);
  }, [trigger]);
  return settled;
}
