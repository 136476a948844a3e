import * as React from 'react';

import { trans } from '../i18n';
import { browserZone } from '../logic/time';
import { describe, extras } from '../logic/triggerWords';
import { newTrigger } from '../logic/triggers';
import type { ITrigger } from '../tokens';
import { ITriggerEditor, TriggerEditor } from './TriggerEditor';

/** When a job runs: one time at a glance, several as lines that open. */
export function TriggerList(
  props: {
    triggers: ITrigger[];
    onChange: (triggers: ITrigger[]) => void;
    /** What the server said about a field, such as `triggers.0.cron`. */
    faultOf: (field: string) => string | null;
  } & Pick<ITriggerEditor, 'fields' | 'values' | 'onVerdict'>
) {
  const { triggers, onChange, faultOf } = props;
  const root = React.useRef<HTMLDivElement>(null);
  const [opened, setOpened] = React.useState<ReadonlySet<string>>(
    () => new Set(triggers.length === 1 ? [triggers[0].id] : [])
  );
  const setOpen = (id: string, open: boolean) =>
    setOpened(old => {
      const next = new Set(old);
      next[open ? 'add' : 'delete'](id);
      return next;
    });
  const add = () => {
    const zone = triggers[0]?.time_zone ?? browserZone();
    const ids = triggers.map(t => t.id);
    const made = newTrigger(zone, ids);
    onChange([...triggers, made]);
    setOpened(new Set([made.id]));
  };
  // The controls of a time that comes or goes take the focus with them.
  const count = React.useRef(triggers.length);
  React.useEffect(() => {
    if (triggers.length > count.current) {
      const boxes = root.current?.querySelectorAll('.jp-orch-trigger');
      boxes?.[boxes.length - 1]?.querySelector('select')?.focus();
    } else if (triggers.length < count.current) {
      root.current?.querySelector<HTMLElement>('[data-add]')?.focus();
    }
    count.current = triggers.length;
  }, [triggers.length]);
  return (
    <div ref={root} className="jp-orch-triggers">
      {triggers.map((trigger, index) => {
        const prefix = `triggers.${index}`;
        const editor = (
          <TriggerEditor
            trigger={trigger}
            fields={props.fields}
            values={props.values}
            faultOf={name => faultOf(`${prefix}.${name}`)}
            onVerdict={props.onVerdict}
            onChange={next =>
              onChange(triggers.map(t => (t.id === next.id ? next : t)))
            }
            onRemove={() => onChange(triggers.filter(t => t !== trigger))}
          />
        );
        if (triggers.length === 1) {
          return (
            <div
              key={trigger.id}
              className="jp-orch-trigger"
              role="group"
              aria-label={trans.__('Schedule')}
            >
              {editor}
            </div>
          );
        }
        const open = opened.has(trigger.id) || Boolean(faultOf(prefix));
        const words = describe(trigger);
        return (
          <details
            key={trigger.id}
            className="jp-orch-trigger"
            role="group"
            aria-label={trans.__('Schedule %1: %2', index + 1, words)}
            open={open}
            onToggle={event => setOpen(trigger.id, event.currentTarget.open)}
          >
            <summary>
              <TriggerLine trigger={trigger} />
            </summary>
            {open && editor}
          </details>
        );
      })}
      {!triggers.length && (
        <p className="jp-orch-muted">
          {trans.__('Without a time the job runs when you start it.')}
        </p>
      )}
      <button
        type="button"
        data-add
        className="jp-orch-button jp-orch-button-link"
        onClick={add}
      >
        {triggers.length
          ? trans.__('+ another time')
          : trans.__('+ add a time')}
      </button>
    </div>
  );
}

/** A trigger in words: what it is, and on a line that may be cut, what else is set. */
function TriggerLine(props: { trigger: ITrigger }) {
  const { trigger } = props;
  const more = extras(trigger).join(' · ');
  return (
    <>
      {describe(trigger)}{' '}
      <span className="jp-orch-muted">({trigger.time_zone})</span>
      {more && (
        <span className="jp-orch-muted jp-orch-clip" title={more}>
          {more}
        </span>
      )}
    </>
  );
}
