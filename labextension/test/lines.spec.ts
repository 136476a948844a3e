import type { INotebookContent } from '@jupyterlab/nbformat';
import { expect, test } from 'vitest';

import { joinLines } from '../src/viewer/lines';

test('texts are joined, JSON data keeps its lists', () => {
  const notebook = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: [
      {
        cell_type: 'code',
        source: ['a = 1\n', 'a'],
        metadata: {},
        execution_count: 1,
        outputs: [
          { output_type: 'stream', name: 'stdout', text: ['one\n', 'two'] },
          {
            output_type: 'display_data',
            metadata: {},
            data: {
              'text/html': ['<b>', '</b>'],
              'application/json': ['a', 'b'],
              'application/vnd.vega.v5+json': ['c']
            }
          }
        ]
      },
      { cell_type: 'markdown', source: 'plain', metadata: {} }
    ]
  } as unknown as INotebookContent;
  const [code, markdown] = joinLines(notebook).cells;
  expect(code.source).toBe('a = 1\na');
  expect(code.outputs).toMatchObject([
    { text: 'one\ntwo' },
    {
      data: {
        'text/html': '<b></b>',
        'application/json': ['a', 'b'],
        'application/vnd.vega.v5+json': ['c']
      }
    }
  ]);
  expect(markdown.source).toBe('plain');
});
