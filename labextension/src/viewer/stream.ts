import type { IOutput } from '@jupyterlab/nbformat';

/** What is needed of the model of a cell's outputs. */
export interface IOutputs {
  add(output: IOutput): unknown;
  set(index: number, output: IOutput): void;
  remove(index: number): void;
  clear(): void;
}

/**
 * Makes a cell's outputs the ones that are given, as one follows its run.
 *
 * An output that stays is not touched, and one that goes on is drawn in its place: nothing
 * flickers. The model joins texts of one stream that follow one another; there must be none.
 */
export function follow(
  model: IOutputs,
  before: readonly IOutput[],
  now: readonly IOutput[]
): void {
  const gone = goneOf(before, now);
  for (let count = 0; count < gone; count++) {
    model.remove(0);
  }
  const left = before.slice(gone);
  const goesOn =
    left.length <= now.length &&
    left.every((output, index) => kind(output) === kind(now[index]));
  if (!goesOn) {
    model.clear();
  }
  now.forEach((output, index) => {
    if (!goesOn || index >= left.length) {
      model.add(output);
    } else if (JSON.stringify(output) !== JSON.stringify(left[index])) {
      model.set(index, output);
    }
  });
}

/** How many outputs went at the beginning, as only the last ones are shown. */
function goneOf(before: readonly IOutput[], now: readonly IOutput[]): number {
  // The first one may have lost a part, and gained a note that says so.
  const [, second] = now.map(output => JSON.stringify(output));
  const place = before.findIndex(
    (output, index) => index > 1 && JSON.stringify(output) === second
  );
  return place > 1 && JSON.stringify(before[1]) !== second ? place - 1 : 0;
}

/** Texts of one stream that follow one another as one. */
export function joined(outputs: readonly IOutput[]): IOutput[] {
  const made: IOutput[] = [];
  for (const output of outputs) {
    const last = made[made.length - 1];
    if (
      last &&
      output.output_type === 'stream' &&
      kind(last) === kind(output)
    ) {
      made[made.length - 1] = {
        ...last,
        text: `${String(last.text)}${String(output.text)}`
      };
    } else {
      made.push(output);
    }
  }
  return made;
}

function kind(output: IOutput): string {
  return output.output_type === 'stream'
    ? `stream ${String(output.name)}`
    : output.output_type;
}
