// What a run would do, as a value: pure.
import type { FlattenChoice, Project, ProjectImage } from '../config/types.ts';
import type { Selected } from './graph.ts';
import type { PlannedTag } from './places.ts';
import type { PlannedImage, ShipCaps, ShipPlan, ShipRequest } from './ship-types.ts';

/** The plan of a run. */
export function planOf(
  project: Project,
  { until = 'ship', atomic = true }: ShipRequest,
  images: readonly Selected[],
  tags: ReadonlyMap<string, readonly PlannedTag[]>,
  caps: ShipCaps,
): ShipPlan {
  return {
    schema: 1,
    project: project.name,
    until,
    atomic,
    caps,
    images: images.map((selected) =>
      planned(project.folder, selected, tags.get(selected.image.name) ?? []),
    ),
  };
}

function planned(
  folder: string,
  { image, isWanted, needs }: Selected,
  tags: readonly PlannedTag[],
): PlannedImage {
  const { flatten } = image;
  return {
    name: image.name,
    wanted: isWanted,
    needs,
    kind: image.source.kind,
    source: sourceText(folder, image),
    ...(flatten === undefined ? {} : { flatten: flattenPlan(flatten) }),
    tags,
  };
}

/** A context as it stands in the file: relative to its folder where it lies below. */
function sourceText(folder: string, { source }: ProjectImage): string {
  if (source.kind === 'image') return source.reference;
  const { context, contextKind } = source.build;
  if (contextKind === 'remote') return context;
  if (context === folder) return '.';
  return context.startsWith(`${folder}/`) ? `.${context.slice(folder.length)}` : context;
}

function flattenPlan({
  keepBase,
  ...options
}: FlattenChoice): NonNullable<PlannedImage['flatten']> {
  const base = keepBase?.kind === 'need' ? keepBase.image : keepBase?.reference;
  const words = Object.entries(options).map(([name, value]) => `${name}=${valueText(value)}`);
  return { ...(base === undefined ? {} : { keepBase: base }), options: words };
}

function valueText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
