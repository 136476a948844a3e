import * as React from 'react';

import { trans } from '../i18n';
import { same } from '../logic/parameters';
import { unitWord } from '../logic/triggerWords';
import { inUnits, Unit, UNITS } from '../logic/triggers';
import type { Json } from '../tokens';
import type { IAria } from './basics';

/**
 * The text of a control whose value is not text.
 *
 * What a person types stays as it is typed: `0.0` on the way to `0.05` is not made `0`. Only a
 * value that comes from elsewhere replaces it.
 */
export function useTyped<V extends Json | undefined>(props: {
  value: V;
  write: (value: V) => string;
  read: (raw: string) => V;
  onChange: (value: V) => void;
}): [string, (raw: string) => void] {
  const { value, write, read, onChange } = props;
  const [typed, setTyped] = React.useState({ raw: write(value), is: value });
  const foreign = !same(typed.is, value);
  if (foreign) {
    setTyped({ raw: write(value), is: value });
  }
  const type = (raw: string) => {
    const is = read(raw);
    setTyped({ raw, is });
    onChange(is);
  };
  return [foreign ? write(value) : typed.raw, type];
}

/** A number; null is what an empty box stands for. */
export function NumberBox(props: {
  aria: IAria;
  value: number | null;
  min?: number;
  max?: number;
  onChange: (value: number | null) => void;
}) {
  const [raw, type] = useTyped<number | null>({
    value: props.value,
    write: value => (value === null ? '' : String(value)),
    read: text => (text === '' ? null : Number(text)),
    onChange: props.onChange
  });
  return (
    <input
      {...props.aria}
      type="number"
      min={props.min}
      max={props.max}
      step="any"
      className="jp-mod-styled"
      value={raw}
      onChange={event => type(event.target.value)}
    />
  );
}

/** A length of time in seconds, typed in a unit that suits it; null is what an empty box stands for. */
export function DurationBox(props: {
  aria: IAria;
  value: number | null;
  onChange: (seconds: number | null) => void;
}) {
  const { value, onChange } = props;
  const [typed, setTyped] = React.useState(() => asTyped(value));
  // Nothing and nought are the same to who owns the value.
  const shown = (typed.is || null) === (value || null) ? typed : asTyped(value);
  const type = (every: number | null, unit: Unit) => {
    // Milliseconds are enough, and hide what binary fractions add.
    const is =
      every === null ? null : Math.round(every * UNITS[unit] * 1000) / 1000;
    setTyped({ every, unit, is });
    onChange(is);
  };
  return (
    <div className="jp-orch-line">
      <NumberBox
        aria={props.aria}
        min={0}
        value={shown.every}
        onChange={every => type(every, shown.unit)}
      />
      <select
        className="jp-mod-styled"
        aria-label={trans.__('Unit')}
        value={shown.unit}
        onChange={event => type(shown.every, event.target.value as Unit)}
      >
        {(Object.keys(UNITS) as Unit[]).map(unit => (
          <option key={unit} value={unit}>
            {unitWord(unit)}
          </option>
        ))}
      </select>
    </div>
  );
}

function asTyped(seconds: number | null) {
  return seconds
    ? { ...inUnits(seconds), is: seconds }
    : { every: seconds, unit: 'seconds' as Unit, is: seconds };
}
