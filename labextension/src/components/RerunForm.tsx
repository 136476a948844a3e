import { useQueryClient } from '@tanstack/react-query';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import type { IProblem } from '../api';
import { trans } from '../i18n';
import {
  fault,
  fieldsOf,
  IField,
  same,
  startValues,
  withValue
} from '../logic/parameters';
import { useInspect } from '../queries';
import type { IRunDetail, Values } from '../tokens';
import { Button } from './basics';
import { Fetched, Problem } from './Fetched';
import { leaves, sorted } from './form';
import { useOrch } from './context';
import { ParameterFields } from './ParameterFields';

/** Runs it again: prefilled with what the run had, differences marked. */
export function RerunForm(props: { detail: IRunDetail; onClose: () => void }) {
  const { run, schema } = props.detail;
  const orch = useOrch();
  const client = useQueryClient();
  const box = React.useRef<HTMLFormElement>(null);
  const [latest, setLatest] = React.useState(false);
  const inspect = useInspect(run.notebook, latest);
  // The latest notebook may take other parameters than the one that ran.
  const taken = latest ? inspect.data?.schema : schema;
  const fields = React.useMemo(() => fieldsOf(taken ?? {}), [taken]);
  const before = React.useMemo(
    () => startValues(fields, run.parameters),
    [fields, run.parameters]
  );
  const [changes, setChanges] = React.useState<Values>({});
  const [problems, setProblems] = React.useState<IProblem[]>([]);
  const [error, setError] = React.useState<unknown>(null);
  const [busy, setBusy] = React.useState(false);
  const key = React.useRef(UUID.uuid4());
  const values = { ...before, ...changes };
  const bad = !taken || fields.some(field => fault(field, values[field.name]));

  React.useEffect(() => {
    box.current?.querySelector<HTMLElement>('input, select, button')?.focus();
  }, []);

  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      const made = await orch.api.rerun(
        run.id,
        {
          parameters: differences(fields, before, changes),
          latest_notebook: latest
        },
        key.current
      );
      void client.invalidateQueries();
      props.onClose();
      orch.open('run', made.id);
    } catch (reason) {
      const controls = new Set(fields.map(({ name }) => `parameters.${name}`));
      const [here, elsewhere] = sorted(reason, controls);
      setProblems(here);
      setError(elsewhere);
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
        // What is typed is not thrown away by a key.
        if (leaves(event) && !Object.keys(changes).length) {
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
      <Fetched
        query={{
          ...inspect,
          data: taken,
          error: latest ? inspect.error : null
        }}
        lines={4}
        label={trans.__('Reading the notebook…')}
      >
        {() => (
          <div className="jp-orch-rerun-fields">
            <ParameterFields
              fields={fields}
              values={values}
              base={before}
              baseWord={latest ? trans.__('before') : trans.__('was')}
              faultOf={name =>
                problems.find(p => p.field === `parameters.${name}`)?.title ??
                null
              }
              onChange={(name, value) => {
                setError(null);
                setProblems(all =>
                  all.filter(p => p.field !== `parameters.${name}`)
                );
                setChanges(old =>
                  withValue(
                    old,
                    name,
                    same(value, before[name]) ? undefined : value
                  )
                );
              }}
            />
          </div>
        )}
      </Fetched>
      <label className="jp-orch-check">
        <input
          type="checkbox"
          checked={latest}
          onChange={event => {
            setLatest(event.target.checked);
            setProblems([]);
            setError(null);
          }}
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

/** What a person changed and the notebook takes: all the rest stays as the run had it. */
function differences(fields: IField[], before: Values, changes: Values) {
  const own: Values = {};
  for (const { name } of fields) {
    if (name in changes && !same(changes[name], before[name])) {
      own[name] = changes[name];
    }
  }
  return own;
}
