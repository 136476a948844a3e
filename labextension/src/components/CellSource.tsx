import * as React from 'react';

import { trans } from '../i18n';

/** The source of a cell, with the line that raised marked. */
export function CellSource(props: {
  source: string;
  /** From 1; null when nothing says which it was. */
  line: number | null;
}) {
  const { source, line } = props;
  const box = React.useRef<HTMLOListElement>(null);
  // A long cell is scrolled to the line; the page stays where it is.
  React.useLayoutEffect(() => {
    const marked = box.current?.querySelector<HTMLElement>('[data-marked]');
    if (box.current && marked) {
      const middle = (box.current.clientHeight - marked.offsetHeight) / 2;
      box.current.scrollTop = marked.offsetTop - middle;
    }
  }, [source, line]);
  return (
    <ol
      ref={box}
      className="jp-orch-source"
      aria-label={trans.__('Source of the cell')}
      tabIndex={0}
    >
      {source.split('\n').map((text, index) => (
        <li key={index} data-marked={index + 1 === line ? true : undefined}>
          <span className="jp-orch-number" aria-hidden="true">
            {index + 1 === line && '→ '}
            {index + 1}
          </span>
          <code>{text || ' '}</code>
          {index + 1 === line && (
            <span className="jp-orch-unseen">
              {trans.__('(this line raised the error)')}
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}
