import type { IFrame } from '../tokens';

/** Frames that are shown, or folded, together. */
export interface IFramePart {
  library: boolean;
  frames: IFrame[];
}

/** A traceback as parts, in its order: frames of libraries apart from all others. */
export function folded(frames: IFrame[]): IFramePart[] {
  const parts: IFramePart[] = [];
  for (const frame of frames) {
    const library = frame.kind === 'library';
    const last = parts[parts.length - 1];
    if (last?.library === library) {
      last.frames.push(frame);
    } else {
      parts.push({ library, frames: [frame] });
    }
  }
  return parts;
}
