import { core } from './plugins/core';
import { live } from './plugins/live';
import { pages } from './plugins/pages';
import { sidebar } from './plugins/sidebar';
import { status } from './plugins/status';
import { toolbar } from './plugins/toolbar';

export default [core, live, sidebar, pages, status, toolbar];
