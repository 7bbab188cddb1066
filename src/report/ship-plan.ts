// What a run of the pipeline would do, as a table and as a picture. Types only from the pipeline.
import type { PlannedImage, ShipPlan } from '../pipeline/ship-types.ts';
import type { TextOptions } from './findings.ts';
import { formatMany, formatTable } from './format.ts';
import { safe } from './text.ts';

/** The plan as lines, each ended by a line feed. */
export function planText(plan: ShipPlan, { colours }: TextOptions): string {
  const { images, until, project, caps } = plan;
  const head = ['image', 'from', 'needs', 'flatten'].map((word) => colours.dim(word));
  const rows = images.map((image) => [
    colours.bold(safe(image.name)),
    sourceText(image),
    image.needs.map(safe).join(', ') || '-',
    flattenText(image),
  ]);
  const lines = [
    `Would ${until} ${formatMany(images.length, 'image')} of ${colours.bold(safe(project))} (dry run, nothing is done)`,
    ...formatTable([head, ...rows], ['left', 'left', 'left', 'left']).map((line) => `  ${line}`),
    ...images.flatMap((image) => nameLines(image, until)),
    `at once: ${formatMany(caps.build, 'build')}, ${formatMany(caps.flatten, 'flatten')}, ${formatMany(caps.push, 'push', 'pushes')}`,
    publishLine(plan),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function publishLine({ until, atomic }: ShipPlan): string {
  if (until === 'build') return 'names are given in the engine of this machine';
  if (until === 'push') return 'images go to the registry by digest: no tag moves';
  return atomic
    ? 'tags move last, and only if every image is ready'
    : 'the tags of each image move as soon as it is ready';
}

function sourceText({ kind, source }: PlannedImage): string {
  return kind === 'build' ? `build ${safe(source)}` : safe(source);
}

function flattenText({ flatten }: PlannedImage): string {
  if (flatten === undefined) return 'as it is';
  const words = [
    ...(flatten.keepBase === undefined ? [] : [`above ${safe(flatten.keepBase)}`]),
    ...flatten.options.map(safe),
  ];
  return words.length === 0 ? 'yes' : words.join(', ');
}

function nameLines({ name, wanted, tags }: PlannedImage, until: ShipPlan['until']): string[] {
  if (!wanted) return [`  ${safe(name)} is only needed: it gets no name`];
  if (until === 'push') return [];
  return tags.map(({ reference, place }) => {
    const where = place === 'engine' ? ' (in the engine)' : '';
    return `  ${safe(name)} -> ${safe(reference)}${where}`;
  });
}

/** The images and what they need as a Mermaid flowchart, which GitHub, GitLab and editors draw. */
export function planGraph({ images }: ShipPlan): string {
  const ids = new Map(images.map(({ name }, at) => [name, `i${at}`]));
  const nodes = images.map(({ name, kind, wanted, flatten }) => {
    const what = [
      kind === 'build' ? 'build' : 'take',
      ...(flatten === undefined ? [] : ['flatten']),
    ];
    const label = `${quoted(name)}<br/>${what.join(', ')}${wanted ? '' : ', only needed'}`;
    return `  ${ids.get(name)}["${label}"]`;
  });
  const edges = images.flatMap(({ name, needs }) =>
    needs.map((need) => `  ${ids.get(need)} --> ${ids.get(name)}`),
  );
  return ['flowchart LR', ...nodes, ...edges].map((line) => `${line}\n`).join('');
}

/** As Mermaid has them: entities. */
function quoted(text: string): string {
  return safe(text).replace(/[#"<>&]/g, (character) => `#${character.charCodeAt(0)};`);
}
