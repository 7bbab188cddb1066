// Keys of Compose and bake that shipper does not take, and what to write instead.

/** What to write instead of a key that people bring along. */
export const HELPS: Readonly<Record<string, string>> = {
  build: 'declare the image under images: and name it in image:',
  build_args: 'write args',
  cap_drops: 'write cap_drop',
  configs: 'mount a file as a volume',
  container_name: 'containers are named by shipper: project-env-service-slot-release',
  contexts: 'write additional_contexts',
  cpus: 'write deploy.resources.limits.cpus',
  depends: 'write needs for images, depends_on for services',
  inherits: 'write extends',
  links: 'join a network: services find each other by name there',
  mem_limit: 'write deploy.resources.limits.memory',
  mem_reservation: 'write deploy.resources.reservations.memory',
  pids_limit: 'write deploy.resources.limits.pids',
  profiles: 'write another environment',
  scale: 'write deploy.replicas',
  secret: 'write secrets',
  version: 'leave it out: there is one version',
};
