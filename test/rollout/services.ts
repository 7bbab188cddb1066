// Services for tests: as a configuration without any key has them, and with what a test changes.
import type { Environment } from '../../src/config/environment-types.ts';
import type {
  ContainerChoice,
  DeployChoice,
  ServiceChoice,
} from '../../src/config/service-types.ts';

const PLACE = { file: 'shipper.yaml', line: 1, column: 1 };

/** A container that says nothing. */
export const PLAIN: ContainerChoice = {
  environment: {},
  envFiles: [],
  labels: {},
  annotations: {},
  ports: [],
  expose: [],
  mounts: [],
  tmpfs: [],
  networks: [],
  restart: 'unless-stopped',
  stopGracePeriodMs: 10_000,
  tty: false,
  stdinOpen: false,
  readOnly: false,
  privileged: false,
  capAdd: [],
  capDrop: [],
  securityOpt: [],
  groupAdd: [],
  devices: [],
  deviceCgroupRules: [],
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  extraHosts: [],
  ulimits: [],
  sysctls: {},
  storageOptions: {},
  pullPolicy: 'missing',
};

const STEP = {
  parallelism: 1,
  canary: 0,
  delayMs: 0,
  monitorMs: 5000,
  maxFailureRatio: 0,
} as const;

const DEPLOY: DeployChoice = {
  mode: 'replicated',
  replicas: 1,
  update: { ...STEP, failureAction: 'rollback' },
  rollback: { ...STEP, failureAction: 'pause' },
  placement: { constraints: [], spread: [] },
  resources: { limits: {}, reservations: {} },
  labels: {},
  endpointMode: 'vip',
};

/** A service `api` of an image that exists. */
export function serviceOf(
  container: Partial<ContainerChoice> = {},
  deploy: Partial<DeployChoice> = {},
  more: Partial<ServiceChoice> = {},
): ServiceChoice {
  return {
    name: 'api',
    image: { kind: 'image', reference: 'r.example/api:1' },
    container: { ...PLAIN, ...container },
    deploy: { ...DEPLOY, ...deploy },
    dependsOn: [],
    place: PLACE,
    ...more,
  };
}

/** An environment `staging` of one host. */
export function environmentOf(more: Partial<Environment> = {}): Environment {
  return {
    name: 'staging',
    engine: 'docker',
    hosts: [{ kind: 'host', address: 'ssh://h1', place: PLACE }],
    services: [serviceOf()],
    networks: [],
    volumes: [],
    hooks: {},
    transfer: 'pull',
    retain: 5,
    lockTimeoutMs: 0,
    place: PLACE,
    ...more,
  };
}
