import * as React from 'react';

import { Problem } from './Fetched';

/** A component that breaks says so in its place, instead of leaving it blank. */
export class Boundary extends React.Component<
  { children: React.ReactNode },
  { error: unknown }
> {
  override state = { error: null };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override render(): React.ReactNode {
    const { error } = this.state;
    return error ? (
      <Problem error={error} retry={() => this.setState({ error: null })} />
    ) : (
      this.props.children
    );
  }
}
