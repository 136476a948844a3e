import { trans } from '../i18n';
import type { IParametersSchema, ISchema, Json, Values } from '../tokens';
import { parseExact, writeExact } from './exact';

export type FieldKind =
  | 'text'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'date'
  | 'date-time'
  | 'choice'
  | 'list'
  | 'json';

/** What a form needs to know of one parameter. */
export interface IField {
  name: string;
  kind: FieldKind;
  title: string;
  description: string;
  /** Whether `null` is a value of it. */
  nullable: boolean;
  required: boolean;
  /** What the notebook takes when nothing is given. */
  fallback: Json | undefined;
  /** Values to choose from, for `choice`. */
  choices: Json[];
  /** The kind of the elements, for `list`. */
  items: IField | null;
  /** Whether any text will do, for `json`. */
  textual: boolean;
  minimum?: number | bigint;
  maximum?: number | bigint;
}

/** The fields of a form, in the order of the notebook's cell. */
export function fieldsOf(schema: IParametersSchema): IField[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) =>
    fieldOf(name, property, required.has(name))
  );
}

function fieldOf(name: string, given: ISchema, required: boolean): IField {
  const schema = withoutNull(given);
  const types = typesOf(schema);
  const nullable =
    typesOf(given).includes('null') ||
    (given.enum ?? []).includes(null) ||
    (given.anyOf ?? []).some(one => typesOf(one).includes('null'));
  const choices = (schema.enum ?? []).filter(value => value !== null);
  const kind = kindOf(schema, types, choices);
  return {
    name,
    kind,
    title: given.title && given.title !== name ? given.title : name,
    description: given.description ?? schema.description ?? '',
    nullable,
    required,
    fallback: given.default,
    choices,
    items: kind === 'list' ? fieldOf(name, schema.items ?? {}, true) : null,
    textual: !types.length || types.includes('string'),
    minimum: schema.minimum,
    maximum: schema.maximum
  };
}

function typesOf(schema: ISchema): string[] {
  return schema.type === undefined ? [] : [schema.type].flat();
}

/** Looks through `anyOf: [T, null]`, which says the same as `type: [T, "null"]`. */
function withoutNull(schema: ISchema): ISchema {
  const others = (schema.anyOf ?? []).filter(
    one => !typesOf(one).includes('null')
  );
  return others.length === 1 ? { ...schema, ...others[0] } : schema;
}

function kindOf(schema: ISchema, types: string[], choices: Json[]): FieldKind {
  const named = types.filter(type => type !== 'null');
  if (choices.length) {
    return 'choice';
  }
  if (named.length !== 1) {
    return 'json';
  }
  switch (named[0]) {
    case 'string':
      return schema.format === 'date' || schema.format === 'date-time'
        ? schema.format
        : 'text';
    case 'integer':
    case 'number':
    case 'boolean':
      return named[0];
    case 'array': {
      const item = schema.items ? fieldOf('', schema.items, true) : null;
      const simple = item && !['list', 'json'].includes(item.kind);
      return simple && !item.nullable ? 'list' : 'json';
    }
    default:
      return 'json';
  }
}

/** What the form starts with: the given values, else the notebook's defaults. */
export function startValues(fields: IField[], given: Values): Values {
  const values: Values = {};
  for (const field of fields) {
    if (field.name in given) {
      values[field.name] = given[field.name];
    } else if (field.fallback !== undefined) {
      values[field.name] = field.fallback;
    }
  }
  return values;
}

/** What differs from the notebook's defaults: only this is stored, so that the rest follows the file. */
export function ownValues(fields: IField[], values: Values): Values {
  const own: Values = {};
  for (const field of fields) {
    const value = values[field.name];
    if (value !== undefined && !same(value, field.fallback)) {
      own[field.name] = value;
    }
  }
  return own;
}

/** The values with one of them changed; `undefined` takes it out. */
export function withValue(
  values: Values,
  name: string,
  value: Json | undefined
): Values {
  const others = Object.entries(values).filter(([key]) => key !== name);
  return Object.fromEntries(
    value === undefined ? others : [...others, [name, value]]
  );
}

export function same(a: Json | undefined, b: Json | undefined): boolean {
  return writeExact(a) === writeExact(b);
}

/** Whether a value is an expression, such as `{{ interval_start }}`: each run gets what it means. */
export function isExpression(value: Json | undefined): value is string {
  return typeof value === 'string' && value.includes('{{');
}

/** The expression that a parameter of this kind begins with, where it is likely to have one. */
export const FIRST_EXPRESSION: Partial<Record<FieldKind, string>> = {
  date: '{{ interval_start }}',
  'date-time': '{{ interval_start }}',
  integer: '{{ interval_start | %Y }}'
};

/** What is wrong with a value, or null. The server checks again and has the last word. */
export function fault(field: IField, value: Json | undefined): string | null {
  if (value === undefined) {
    return field.required ? trans.__('A value is needed.') : null;
  }
  if (value === null) {
    return field.nullable ? null : trans.__('A value is needed.');
  }
  if (isExpression(value)) {
    return null; // only the server can read it
  }
  switch (field.kind) {
    case 'integer':
      return typeof value === 'bigint' || Number.isInteger(value)
        ? range(field, value as number | bigint)
        : trans.__('This must be a whole number.');
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint'
        ? range(field, value)
        : trans.__('This must be a number.');
    case 'choice':
      return field.choices.some(choice => same(choice, value))
        ? null
        : trans.__('This must be one of the choices.');
    case 'boolean':
      return typeof value === 'boolean'
        ? null
        : trans.__('This must be yes or no.');
    case 'json':
      return typeof value === 'string' && !field.textual
        ? trans.__('This must be JSON, such as [1, 2] or {"a": 1}.')
        : null;
    case 'date':
    case 'date-time':
      return typeof value === 'string' &&
        // A half typed day is one to a browser that means well.
        (field.kind !== 'date' || /^\d{4}-\d\d-\d\d$/.test(value)) &&
        !Number.isNaN(Date.parse(value))
        ? null
        : trans.__('This must be a date.');
    case 'list': {
      const items = Array.isArray(value) ? value : [];
      const index = items.findIndex(item => fault(field.items!, item));
      return index < 0
        ? null
        : trans.__('Item %1: %2', index + 1, fault(field.items!, items[index]));
    }
    default:
      return null;
  }
}

function range(field: IField, value: number | bigint): string | null {
  if (field.minimum !== undefined && value < field.minimum) {
    return trans.__('At least %1.', field.minimum);
  }
  if (field.maximum !== undefined && value > field.maximum) {
    return trans.__('At most %1.', field.maximum);
  }
  return null;
}

/** A value as one short line. */
export function brief(value: Json | undefined): string {
  if (value === undefined) {
    return '';
  }
  return typeof value === 'string' ? value : writeExact(value);
}

/** The value that a typed text stands for; one that stands for none stays text, and the check marks it. */
export function read(field: IField, raw: string): Json {
  const number = Number(raw);
  switch (field.kind) {
    case 'integer':
      if (/^-?\d+$/.test(raw)) {
        return Number.isSafeInteger(number) ? number : BigInt(raw);
      }
      // A number would round what is long and has a point: then it stays text.
      return raw.trim() !== '' && Math.abs(number) < Number.MAX_SAFE_INTEGER
        ? number
        : raw;
    case 'number':
      return raw.trim() !== '' && Number.isFinite(number) ? number : raw;
    case 'json':
      try {
        const value = parseExact(raw) as Json;
        return typeof value === 'string' ? raw : value;
      } catch {
        return raw;
      }
    default:
      return raw;
  }
}
