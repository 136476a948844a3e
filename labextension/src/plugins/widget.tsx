import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Boundary } from '../components/Boundary';
import { OrchProvider } from '../components/context';
import type { ICore } from './core';

/** A component of ours as a widget of the Lab. */
export class OrchWidget extends ReactWidget {
  constructor(
    private readonly core: ICore,
    private readonly content: React.ReactElement
  ) {
    super();
    this.addClass('jp-orch');
  }

  protected override render(): React.ReactElement {
    return (
      <OrchProvider {...this.core}>
        <Boundary>{this.content}</Boundary>
      </OrchProvider>
    );
  }
}
