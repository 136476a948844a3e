import * as React from 'react';

/** A part of a form that is closed until it is wanted, and open while something in it is wrong. */
export function Fold(props: {
  title: string;
  /** What is set inside, in a few words, for the closed fold. */
  note?: string[];
  faulty?: boolean;
  children: React.ReactNode;
}) {
  const [wanted, setWanted] = React.useState(false);
  const open = wanted || Boolean(props.faulty);
  return (
    <details
      className="jp-orch-fold"
      open={open}
      onToggle={event => setWanted(event.currentTarget.open)}
    >
      <summary>
        <span>{props.title}</span>
        {!open && Boolean(props.note?.length) && (
          <span className="jp-orch-muted"> {props.note?.join(' · ')}</span>
        )}
      </summary>
      {open && props.children}
    </details>
  );
}
