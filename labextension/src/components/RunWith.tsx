import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import { trans } from '../i18n';
import { writeExact } from '../logic/exact';
import { brief } from '../logic/parameters';
import { written } from '../logic/time';
import type { IJob, IRunWanted } from '../tokens';
import { Button, Field } from './basics';
import { Problem } from './Fetched';
import { leaves, sorted } from './form';
import { useOrch } from './context';
import { useSettled } from './steady';

const CONTROLS = new Set(['trigger', 'interval_start', 'interval_end']);
const PAUSE = 300; // ms without a key before the values are asked for

/** A button that opens a form: which data interval a run by hand takes, to be changed before. */
export function RunWith(props: { job: IJob }) {
  const [open, setOpen] = React.useState(false);
  return (
    <>
      <Button onClick={() => setOpen(!open)}>{trans.__('Run with…')}</Button>
      {open && <RunForm job={props.job} onClose={() => setOpen(false)} />}
    </>
  );
}

function RunForm(props: { job: IJob; onClose: () => void }) {
  const { job } = props;
  const orch = useOrch();
  const [wanted, setWanted] = React.useState<IRunWanted>({});
  const [refused, setRefused] = React.useState<unknown>(null);
  const [busy, setBusy] = React.useState(false);
  const key = React.useRef(UUID.uuid4());
  const asked = useSettled(writeExact(wanted), PAUSE);
  const shown = useQuery({
    queryKey: ['interval', job.id, asked],
    queryFn: () => orch.api.interval(job.id, JSON.parse(asked) as IRunWanted),
    retry: false,
    placeholderData: keepPreviousData
  });
  const [problems, elsewhere] = sorted(refused ?? shown.error, CONTROLS);
  const faultOf = (field: string) =>
    problems.find(problem => problem.field === field)?.title ?? null;
  const zone = shown.data?.time_zone ?? 'UTC';
  const valueOf = (name: 'interval_start' | 'interval_end') => {
    const found = shown.data?.[name];
    return wanted[name] ?? (found ? written(found, zone) : '');
  };
  const change = (next: IRunWanted) => {
    setRefused(null);
    setWanted(next);
  };
  const submit = async () => {
    setBusy(true);
    try {
      const made = await orch.api.runNow(job.id, key.current, wanted);
      props.onClose();
      orch.open('run', made.id);
    } catch (error) {
      setRefused(error);
      setBusy(false);
    }
  };
  return (
    <form
      className="jp-orch-rerun jp-orch-runwith"
      aria-label={trans.__('Run %1', job.spec.name)}
      noValidate
      onKeyDown={event => {
        if (leaves(event)) {
          props.onClose();
        }
      }}
      onSubmit={event => {
        event.preventDefault();
        if (!busy) {
          void submit();
        }
      }}
    >
      <h2>{trans.__('Run of one data interval')}</h2>
      <div className="jp-orch-rerun-fields">
        {job.spec.triggers.length > 1 && (
          <Field label={trans.__('Trigger')} fault={faultOf('trigger')}>
            {aria => (
              <select
                {...aria}
                className="jp-mod-styled"
                value={wanted.trigger ?? shown.data?.trigger ?? ''}
                onChange={event => change({ trigger: event.target.value })}
              >
                {job.spec.triggers.map(({ id }) => (
                  <option key={id}>{id}</option>
                ))}
              </select>
            )}
          </Field>
        )}
        {(['interval_start', 'interval_end'] as const).map(name => (
          <Field
            key={name}
            label={
              name === 'interval_start'
                ? trans.__('Start of the interval')
                : trans.__('End, not included')
            }
            description={zone}
            fault={faultOf(name)}
          >
            {aria => (
              <input
                {...aria}
                type="text"
                className="jp-mod-styled"
                placeholder={trans.__('none')}
                value={valueOf(name)}
                onChange={event =>
                  change({
                    ...wanted,
                    interval_start: valueOf('interval_start'),
                    interval_end: valueOf('interval_end'),
                    [name]: event.target.value
                  })
                }
              />
            )}
          </Field>
        ))}
      </div>
      <dl className="jp-orch-facts" aria-label={trans.__('Values')}>
        {Object.entries(shown.data?.parameters ?? {}).map(([name, value]) => (
          <React.Fragment key={name}>
            <dt>{name}</dt>
            <dd>{brief(value)}</dd>
          </React.Fragment>
        ))}
      </dl>
      {Boolean(elsewhere) && <Problem error={elsewhere} />}
      <div className="jp-orch-buttons">
        <Button onClick={props.onClose}>{trans.__('Close')}</Button>
        <Button kind="accept" submit disabled={busy || problems.length > 0}>
          {busy ? trans.__('Starting…') : trans.__('Run')}
        </Button>
      </div>
    </form>
  );
}
