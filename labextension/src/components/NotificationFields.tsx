import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { sentence } from '../api';
import { trans } from '../i18n';
import { useChannels } from '../queries';
import type { INotification, NoticeKind } from '../tokens';
import { Button, Fault, Field, IconButton } from './basics';
import { useOrch } from './context';
import { Problem, Skeleton } from './Fetched';
import { Fold } from './Fold';

const KINDS: NoticeKind[] = ['failed', 'recovered', 'late'];

function kindWords(): Record<NoticeKind, string> {
  return {
    failed: trans.__('a run failed'),
    recovered: trans.__('it works again'),
    late: trans.__('a run is late')
  };
}

/** `ann@example.com, ops`, for a line. */
export function noticeLine(notifications: INotification[]): string {
  const targets = notifications.flatMap(one => [
    ...(one.email ?? []),
    ...(one.channels ?? [])
  ]);
  return [...new Set(targets)].join(', ') || trans.__('nobody is told');
}

/** The fields of notifications that have a control. */
export function noticeControls(notifications: INotification[]): string[] {
  return notifications.flatMap((_, index) =>
    ['on', 'email', 'channels'].map(name => `notifications.${index}.${name}`)
  );
}

/** Who is told of what, folded until wanted. */
export function NotificationFields(props: {
  notifications: INotification[];
  /** Whether the job has a tolerance: without one no run is ever late. */
  tolerant: boolean;
  faultOf: (field: string) => string | null;
  onChange: (notifications: INotification[]) => void;
}) {
  const { notifications, onChange, faultOf } = props;
  const add = () =>
    onChange([...notifications, { on: KINDS, email: [], channels: [] }]);
  return (
    <Fold
      title={trans.__('Notifications')}
      note={[noticeLine(notifications)]}
      faulty={notifications.some((_, index) => faultOf(`${index}`))}
    >
      {notifications.map((one, index) => (
        <Entry
          key={index}
          one={one}
          tolerant={props.tolerant}
          faultOf={name => faultOf(`${index}.${name}`)}
          onChange={next =>
            onChange(notifications.map((old, i) => (i === index ? next : old)))
          }
          onRemove={() => onChange(notifications.filter((_, i) => i !== index))}
        />
      ))}
      <Button kind="link" onClick={add}>
        {notifications.length
          ? trans.__('+ tell somebody else')
          : trans.__('+ tell somebody')}
      </Button>
    </Fold>
  );
}

function Entry(props: {
  one: INotification;
  tolerant: boolean;
  faultOf: (name: string) => string | null;
  onChange: (one: INotification) => void;
  onRemove: () => void;
}) {
  const { one, onChange, faultOf } = props;
  const channels = useChannels();
  const known = channels.data?.channels ?? [];
  const chosen = one.channels ?? [];
  const strange = chosen.filter(name => channels.data && !known.includes(name));
  const email = one.email ?? [];
  const toggled = <V,>(all: V[], value: V, on: boolean) =>
    on ? [...all, value] : all.filter(other => other !== value);
  return (
    <div className="jp-orch-inline" role="group" aria-label={trans.__('Tell')}>
      <fieldset className="jp-orch-field">
        <legend>
          {trans.__('Tell when')}
          <IconButton
            icon={closeIcon}
            label={trans.__('Tell them no more')}
            onClick={props.onRemove}
          />
        </legend>
        {KINDS.map(kind => (
          <label key={kind} className="jp-orch-check">
            <input
              type="checkbox"
              checked={one.on.includes(kind)}
              onChange={event =>
                onChange({
                  ...one,
                  on: KINDS.filter(other =>
                    other === kind
                      ? event.target.checked
                      : one.on.includes(other)
                  )
                })
              }
            />
            {kindWords()[kind]}
          </label>
        ))}
        {one.on.includes('late') && !props.tolerant && (
          <div className="jp-orch-description">
            {trans.__(
              'No run is ever late yet: say under Policies after how long.'
            )}
          </div>
        )}
        <Fault text={faultOf('on')} />
      </fieldset>
      <Addresses
        addresses={email}
        mails={channels.data?.email ?? true}
        fault={faultOf('email')}
        onChange={next => onChange({ ...one, email: next })}
      />
      <fieldset className="jp-orch-field">
        <legend>{trans.__('Channels')}</legend>
        {channels.error && !channels.data ? (
          <Problem
            error={channels.error}
            retry={() => void channels.refetch()}
          />
        ) : !channels.data ? (
          <Skeleton lines={1} label={trans.__('Asking for the channels…')} />
        ) : (
          known.length + strange.length === 0 && (
            <p className="jp-orch-muted">
              {trans.__(
                'There is none. Whoever runs the service makes channels in its settings, as notify.channels.NAME.'
              )}
            </p>
          )
        )}
        {[...known, ...strange].map(name => (
          <div key={name} className="jp-orch-line">
            <label className="jp-orch-check">
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={event =>
                  onChange({
                    ...one,
                    channels: toggled(chosen, name, event.target.checked)
                  })
                }
              />
              {name}
            </label>
            {known.includes(name) && <TestButton target={`channel:${name}`} />}
          </div>
        ))}
        <Fault text={faultOf('channels')} />
      </fieldset>
    </div>
  );
}

/** Addresses as one text, with commas between them. */
function Addresses(props: {
  addresses: string[];
  mails: boolean;
  fault: string | null;
  onChange: (addresses: string[]) => void;
}) {
  const { addresses, onChange } = props;
  const [typed, setText] = React.useState(addresses.join(', '));
  // The entry above may be gone: then these are the addresses of another one.
  const text =
    addressesOf(typed).join() === addresses.join()
      ? typed
      : addresses.join(', ');
  const [only] = addresses;
  return (
    <Field
      label={trans.__('E-mail addresses')}
      description={
        props.mails
          ? trans.__('Several with commas between them.')
          : trans.__(
              'This installation sends no e-mail until notify.smtp.host is set where the service runs.'
            )
      }
      fault={props.fault}
      note={
        props.mails && addresses.length === 1 && <TestButton target={only} />
      }
    >
      {aria => (
        <input
          {...aria}
          type="text"
          inputMode="email"
          spellCheck={false}
          className="jp-mod-styled"
          value={text}
          onChange={event => {
            setText(event.target.value);
            onChange(addressesOf(event.target.value));
          }}
        />
      )}
    </Field>
  );
}

function addressesOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean);
}

/** Sends a message to a target now, and says how that went. */
function TestButton(props: { target: string }) {
  const { api, say } = useOrch();
  const [busy, setBusy] = React.useState(false);
  const send = async () => {
    setBusy(true);
    try {
      await api.testChannel(props.target);
      say(trans.__('A test message went to %1.', props.target), 'success');
    } catch (error) {
      say(sentence(error), 'error');
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button
      kind="link"
      once
      disabled={busy}
      title={trans.__('Send a test message to %1', props.target)}
      onClick={() => void send()}
    >
      {busy ? trans.__('Sending…') : trans.__('Try it')}
    </Button>
  );
}
