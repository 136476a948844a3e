import * as React from 'react';

import { same } from '../logic/parameters';
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
