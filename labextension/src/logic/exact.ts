import { UUID } from '@lumino/coreutils';

// Whole tokens, so that neither digits in a text nor those of a fraction are taken apart.
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const INTEGER = /^-?\d+$/;

/** Begins a text that stands for an integer: no text of a person begins like this. */
const MARK = UUID.uuid4();

/** Parses JSON; integers that a JavaScript number would round become `bigint`. */
export function parseExact(text: string): unknown {
  const marked = text.replace(TOKENS, token =>
    INTEGER.test(token) && !Number.isSafeInteger(Number(token))
      ? `"${MARK}${token}"`
      : token
  );
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK)
      ? BigInt(value.slice(MARK.length))
      : value
  );
}

/** Writes JSON with every digit of a `bigint`. */
export function writeExact(value: unknown): string {
  if (typeof value === 'bigint') {
    return value.toString();
  }
  if (Array.isArray(value)) {
    return `[${value.map(one => writeExact(one ?? null)).join(',')}]`;
  }
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .map(([name, one]) => `${JSON.stringify(name)}:${writeExact(one)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}
