import * as React from 'react';

import { useOrch, useSignal } from './context';
import { JobList } from './JobList';
import { CreateForm, EditForm } from './ScheduleForm';

/** The sidebar: the list of jobs, or the form over it. */
export function Sidebar() {
  const orch = useOrch();
  useSignal(orch.view.changed);
  const view = orch.view.value;
  switch (view.mode) {
    case 'create':
      return <CreateForm key={view.notebook} notebook={view.notebook} />;
    case 'edit':
      return <EditForm key={view.job} job={view.job} />;
    default:
      return <JobList />;
  }
}
