import { useQueryClient } from '@tanstack/react-query';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import { ApiError, IProblem } from '../api';
import { trans } from '../i18n';
import { fault, fieldsOf, startValues } from '../logic/parameters';
import type { IRunDetail } from '../tokens';
import { Button, Problem } from './basics';
import { useOrch } from './context';
import { ParameterFields } from './ParameterFields';

/** Runs it again: prefilled with what the run had, differences marked. */
export function RerunForm(props: { detail: IRunDetail; onClose: () => void }) {
  const { run, schema } = props.detail;
  const orch = useOrch();
  const client = useQueryClient();
  const box = React.useRef<HTMLFormElement>(null);
  const fields = React.useMemo(() => fieldsOf(schema), [schema]);
  const before = React.useMemo(
    () => startValues(fields, run.parameters),
    [fields, run.parameters]
  );
  const [values, setValues] = React.useState(before);
  const [latest, setLatest] = React.useState(false);
  const [problems, setProblems] = React.useState<IProblem[]>([]);
  const [error, setError] = React.useState<unknown>(null);
  const [busy, setBusy] = React.useState(false);
  const key = React.useRef(UUID.uuid4());
  const bad = fields.some(field => fault(field, values[field.name]));

  React.useEffect(() => {
    box.current?.querySelector<HTMLElement>('input, select, button')?.focus();
  }, []);

  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      const made = await orch.api.rerun(
        run.id,
        { parameters: values, latest_notebook: latest },
        key.current
      );
      void client.invalidateQueries();
      props.onClose();
      orch.open('run', made.id);
    } catch (reason) {
      const found = reason instanceof ApiError ? reason.problems : [];
      const ours = found.filter(p => p.field?.startsWith('parameters.'));
      setProblems(ours);
      setError(ours.length && ours.length === found.length ? null : reason);
      setBusy(false);
    }
  };
  return (
    <form
      ref={box}
      className="jp-orch-rerun"
      aria-label={trans.__('Rerun')}
      noValidate
      onKeyDown={event => {
        if (event.key === 'Escape') {
          props.onClose();
        }
      }}
      onSubmit={event => {
        event.preventDefault();
        if (!bad && !busy) {
          void submit();
        }
      }}
    >
      <h2>{trans.__('Rerun %1', run.job_name)}</h2>
      <div className="jp-orch-rerun-fields">
        <ParameterFields
          fields={fields}
          values={values}
          base={before}
          baseWord={trans.__('was')}
          faultOf={name =>
            problems.find(p => p.field === `parameters.${name}`)?.title ?? null
          }
          onChange={(name, value) => {
            setProblems(all =>
              all.filter(p => p.field !== `parameters.${name}`)
            );
            setValues(old => ({ ...old, [name]: value ?? null }));
          }}
        />
      </div>
      <label className="jp-orch-check">
        <input
          type="checkbox"
          checked={latest}
          onChange={event => setLatest(event.target.checked)}
        />
        {trans.__('take the latest notebook instead of the one that ran')}
      </label>
      {Boolean(error) && <Problem error={error} />}
      <div className="jp-orch-buttons">
        <Button onClick={props.onClose}>{trans.__('Close')}</Button>
        <Button kind="accept" submit disabled={bad || busy}>
          {busy ? trans.__('Starting…') : trans.__('Rerun')}
        </Button>
      </div>
    </form>
  );
}
