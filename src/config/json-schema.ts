// The JSON Schema of shipper.yaml, for editors: made from the schema that checks files, so that both say the same.
import { z } from 'zod';
import { projectSchema } from './schema/project.ts';

/** The schema as JSON text (draft 7, which editors know best), with a line feed at its end. */
export function configSchema(): string {
  const made = z.toJSONSchema(projectSchema, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
  });
  const { $schema, ...rest } = withExtensions(made) as Readonly<Record<string, unknown>>;
  const head = {
    $schema,
    title: 'shipper.yaml',
    description:
      'Images, and the environments in which they run: see docs/configuration.md of shipper',
  };
  return `${JSON.stringify({ ...head, ...rest }, undefined, 2)}\n`;
}

/** Keys that begin with `x-` may hold anything; the schema itself cannot say so. */
function withExtensions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withExtensions);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, each]) => [key, withExtensions(each)] as const);
  const copy = Object.fromEntries(members);
  const isClosed = copy['type'] === 'object' && copy['additionalProperties'] === false;
  return isClosed ? { ...copy, patternProperties: { '^x-': {} } } : copy;
}
