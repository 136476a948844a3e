import { LabIcon } from '@jupyterlab/ui-components';

/** A drawing on JupyterLab's 24 px grid that follows the theme. */
function icon(name: string, path: string): LabIcon {
  return new LabIcon({
    name: `jupyter-orch:${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3 jp-icon-selectable" fill="#616161" fill-rule="evenodd" d="${path}"/>
</svg>`
  });
}

/** A clock whose last quarter is a play mark: something runs at its time. */
export const jobsIcon = icon(
  'jobs',
  'M11 3a9 9 0 1 0 8.9 10.5h-2.05A7 7 0 1 1 11 5c1.93 0 3.68.78 4.95 2.05l1.41-1.41A8.97 8.97 0 0 0 11 3Zm-1 4v5.4l3.9 3.9 1.4-1.4-3.3-3.3V7h-2Zm7-3v8l6-4-6-4Z'
);
export const pauseIcon = icon('pause', 'M7 5h3.5v14H7V5Zm6.5 0H17v14h-3.5V5Z');
export const resumeIcon = icon('resume', 'M5 5h2.5v14H5V5Zm5 0 10 7-10 7V5Z');
/** Lines of a history, each with its state before it. */
export const runsIcon = icon(
  'runs',
  'M4 5h3v3H4V5Zm5 .5h11v2H9v-2ZM4 10.5h3v3H4v-3Zm5 .5h11v2H9v-2ZM4 16h3v3H4v-3Zm5 .5h11v2H9v-2Z'
);
export const tableIcon = icon(
  'table',
  'M4 4h16v16H4V4Zm2 5v3h5V9H6Zm7 0v3h5V9h-5Zm-7 5v4h5v-4H6Zm7 0v4h5v-4h-5Z'
);
/** Slots, some of them taken. */
export const poolIcon = icon(
  'pool',
  'M4 4h7v7H4V4Zm9 0h7v7h-7V4Zm2 2v3h3V6h-3ZM4 13h7v7H4v-7Zm2 2v3h3v-3H6Zm7-2h7v7h-7v-7Zm2 2v3h3v-3h-3Z'
);
