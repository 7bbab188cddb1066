// A report of `shipper ship` (docs/ship.md, "The report"), as a rollout reads it: names to digests.
import { messageOf, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { System } from '../system/system.ts';
import type { ReleasedImage } from './release.ts';

const SCHEMA = 1;

/** Images by their name in shipper.yaml. */
export interface ShippedDigests {
  /** `USAGE` where the report does not have it, or not in a registry. */
  imageOf(image: string, service: string): ReleasedImage;
}

/** Reads the report at `path`. `USAGE` for what is none, not of this project, or of a run that was not done. */
export async function readShipReport(
  { files }: Pick<System, 'files'>,
  path: string,
  project: string,
): Promise<ShippedDigests> {
  const text = new TextDecoder().decode(await files.read(path, LIMITS.metadataBytes));
  const report = parse(path, text);
  const cannot = (state: string, hint?: string) =>
    new ShipperError('USAGE', `Cannot use the report ${path}: ${state}`, {
      path,
      ...(hint === undefined ? {} : { hint }),
    });
  if (report.schema !== SCHEMA) {
    throw cannot(
      `it is of schema ${report.schema}, and this version knows ${SCHEMA}`,
      'update shipper',
    );
  }
  if (report.project !== project)
    throw cannot(`it is of project ${report.project}, not of ${project}`);
  if (report.outcome !== 'done') throw cannot(`that run ended as ${report.outcome}`, 'ship again');
  const images = new Map(report.images.map((image) => [image.name, image]));
  return {
    imageOf(name, service) {
      const image = images.get(name);
      if (image === undefined) {
        throw cannot(`it does not have image ${name} of service ${service}`, `ship ${name} too`);
      }
      const { digest, pinned, tags } = image;
      const [first] = pinned;
      if (digest === undefined) throw cannot(`it has no digest of image ${name}`);
      const shown = tags[0]?.reference ?? first ?? name;
      return { name: shown, digest, ...(first === undefined ? {} : { pinned: first }) };
    },
  };
}

interface Report {
  readonly schema: unknown;
  readonly project: unknown;
  readonly outcome: unknown;
  readonly images: readonly ReportedImage[];
}

interface ReportedImage {
  readonly name: string;
  readonly digest: string | undefined;
  readonly pinned: readonly string[];
  readonly tags: readonly { readonly reference: string }[];
}

function parse(path: string, text: string): Report {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const message = `Cannot use the report ${path}: it is no JSON: ${messageOf(error)}`;
    throw new ShipperError('USAGE', message, { path });
  }
  const report = isObject(json) ? json : {};
  const images = Array.isArray(report['images']) ? report['images'] : [];
  return {
    schema: report['schema'],
    project: report['project'],
    outcome: report['outcome'],
    images: images.filter(isObject).map((image) => ({
      name: String(image['name']),
      digest: typeof image['digest'] === 'string' ? image['digest'] : undefined,
      pinned: texts(image['pinned']),
      tags: (Array.isArray(image['tags']) ? image['tags'] : [])
        .filter(isObject)
        .map(({ reference }) => ({ reference: String(reference) })),
    })),
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
