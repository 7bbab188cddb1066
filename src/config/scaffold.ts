// The text of a new shipper.yaml, with comments that say what more there is.

/** What was found in a folder. */
export interface Findings {
  readonly project: string;
  /** From the address of the git remote, where that is a host with a registry of its own. */
  readonly registry: string | undefined;
  /** Whether git has a commit, so that `{git.sha}` means something. */
  readonly hasCommits: boolean;
  readonly images: readonly FoundImage[];
  /** Files whose images are included. */
  readonly included: readonly string[];
}

/** An image that a Dockerfile makes. */
export interface FoundImage {
  readonly name: string;
  /** Relative to the folder: `./api`. */
  readonly context: string;
  /** Relative to the context, where it is not `Dockerfile`. */
  readonly dockerfile: string | undefined;
  /** Other images that its Dockerfile begins from. */
  readonly needs: readonly string[];
}

/** The commented configuration for what was found. It loads as it is. */
export function configText({ project, registry, hasCommits, images, included }: Findings): string {
  const tags = hasCommits ? '["{git.sha}", latest]' : '[latest]';
  return [
    '# yaml-language-server: $schema=./node_modules/shipper/schema/shipper.schema.json',
    `project: ${project}`,
    '',
    '# Prefix of every image name below.',
    registry === undefined
      ? `# registry: registry.example.com/${project}`
      : `registry: ${scalar(registry)}`,
    '',
    ...includeLines(included),
    ...imageLines(images, tags),
    ...(included.length > 0 && images.length === 0 ? [] : groupLines(images)),
    ...environmentLines(images[0]?.name ?? 'api'),
    '',
  ].join('\n');
}

function includeLines(included: readonly string[]): readonly string[] {
  if (included.length === 0) return [];
  return [
    '# Images of these files count as well. What images: says of one of them wins, key by key.',
    `include: [${included.map(scalar).join(', ')}]`,
    '',
  ];
}

const IMAGE_HELP = [
  '# The keys of a build are those of Compose: dockerfile, target, args, secrets, ssh, cache_from, platforms, …',
  '# needs: images that are built first, and that a Dockerfile can name in FROM.',
  '# flatten: true (the default), false, or options: { keep_base: base, exclude: [/var/cache/apt/**] }.',
  `# tags: tags of REGISTRY/NAME, or whole references. {git.sha}, {git.branch}, {date}, {env.X}, \${X:-default}.`,
] as const;

function imageLines(images: readonly FoundImage[], tags: string): readonly string[] {
  if (images.length === 0) {
    return [
      ...IMAGE_HELP,
      '# images:',
      '#   api:',
      '#     context: ./api',
      `#     tags: ${tags}`,
      '#   db:',
      '#     image: example/db:5      # nothing to build: flatten, tag and push only',
      '',
    ];
  }
  const blocks = images.flatMap(({ name, context, dockerfile, needs }) => [
    `  ${name}:`,
    `    context: ${scalar(context)}`,
    ...(dockerfile === undefined ? [] : [`    dockerfile: ${scalar(dockerfile)}`]),
    ...(needs.length === 0 ? [] : [`    needs: [${needs.join(', ')}]`]),
    `    tags: ${tags}`,
  ]);
  return [...IMAGE_HELP, 'images:', ...blocks, ''];
}

function groupLines(images: readonly FoundImage[]): readonly string[] {
  const names = images.map(({ name }) => name);
  const members = names.length === 0 ? 'api, db' : names.join(', ');
  return ['# Names for several images.', '# groups:', `#   web: [${members}]`, ''];
}

function environmentLines(image: string): readonly string[] {
  return [
    '# Where images run: a service has the keys of a Compose service, its image is a name from above.',
    '# environments:',
    '#   staging:',
    '#     hosts: [ssh://deploy@host-1, ssh://deploy@host-2]',
    '#     services:',
    `#       ${image}:`,
    `#         image: ${image}`,
    '#         deploy:',
    '#           replicas: 4',
    '#           update_config: { parallelism: 1, order: start-first, monitor: 10s }',
    '#   production:',
    '#     extends: staging',
    '#     hosts: [ssh://deploy@host-3]',
  ];
}

/** Plain where that is safe, else quoted. */
function scalar(text: string): string {
  return /^[\w./][\w./:@-]*$/.test(text) && !/^[\d.]+$/.test(text) ? text : JSON.stringify(text);
}
