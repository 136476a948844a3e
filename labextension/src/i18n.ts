import type { TranslationBundle } from '@jupyterlab/translation';

/** Puts arguments into `%1`, `%2` …: what a bundle without a language pack does. */
function fill(text: string, values: unknown[]): string {
  return text.replace(/%(\d+)/g, (_, n) => String(values[Number(n) - 1] ?? ''));
}

let bundle: Pick<TranslationBundle, '__' | '_n'> | null = null;

/** All words that people read pass through here, in the Lab's language. */
export const trans = {
  __: (text: string, ...values: unknown[]): string =>
    bundle ? bundle.__(text, ...values) : fill(text, values),
  _n: (one: string, many: string, n: number, ...values: unknown[]): string =>
    bundle
      ? bundle._n(one, many, n, ...values)
      : fill(n === 1 ? one : many, [n, ...values])
};

export function useBundle(language: TranslationBundle): void {
  bundle = language;
}
