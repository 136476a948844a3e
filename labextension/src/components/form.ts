import * as React from 'react';

import { ApiError, IProblem } from '../api';
import { writeExact } from '../logic/exact';
import { IDraft, useOrch } from './context';

/**
 * What is typed into the form `id`; a form that is left comes back as it was left.
 *
 * `resumed` says that it did. `drop` is for what was saved or thrown away.
 */
export function useDraft(id: string, start: IDraft) {
  const { drafts } = useOrch();
  const [first] = React.useState(() => ({
    draft: drafts.get(id) ?? start,
    resumed: drafts.has(id)
  }));
  const [draft, setDraft] = React.useState(first.draft);
  const dropped = React.useRef(false);
  const dirty = first.resumed || !equal(draft, start);
  React.useEffect(() => {
    if (dirty && !dropped.current) {
      drafts.set(id, draft);
    } else {
      drafts.delete(id);
    }
  }, [dirty, draft, drafts, id]);
  const drop = () => {
    dropped.current = true;
    drafts.delete(id);
  };
  return { draft, setDraft, drop, resumed: first.resumed };
}

function equal(a: IDraft, b: IDraft): boolean {
  return writeExact([a.spec, a.own]) === writeExact([b.spec, b.own]);
}

/** Whether Esc is for the form, and not for a list or picker that hangs on a control. */
export function leaves(event: React.KeyboardEvent): boolean {
  return (
    event.key === 'Escape' &&
    !event.defaultPrevented &&
    !(event.target as HTMLElement).closest(PICKERS)
  );
}

const PICKERS =
  'select, input[list], input[type=date], input[type=time], input[type=datetime-local]';

/**
 * A refusal as what is said of the given fields, and what remains of it.
 *
 * Only faulty input is for fields: after anything else the same input may be sent again.
 */
export function sorted(
  error: unknown,
  controls: Set<string>
): [IProblem[], unknown] {
  if (
    !(error instanceof ApiError) ||
    error.staleWrite ||
    ![409, 422].includes(error.status)
  ) {
    return [[], error];
  }
  // One control may hold a list: `exclude_dates` is the place of `exclude_dates.3`, too.
  const isHere = ({ field }: IProblem) =>
    field !== null &&
    (controls.has(field) || controls.has(field.replace(/\.\d+$/, '')));
  const here = error.problems.filter(isHere);
  const others = error.problems.filter(p => !isHere(p));
  const title = others.map(p => p.title).join(' ');
  return [
    here,
    others.length ? new ApiError(error.status, error.code, title, others) : null
  ];
}
