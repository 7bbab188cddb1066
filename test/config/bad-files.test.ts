// Files that are wrong, and the exact places that are told. Every mistake of a file is told, not only the first.
import { describe, expect, it } from 'vitest';
import { problemsOf } from './machine.ts';

/** What is wrong, the file, and each mistake as `LINE:COLUMN: MESSAGE (HINT)`. */
type Row = readonly [what: string, text: string, ...problems: readonly string[]];

/** `text` within an environment, from line 5, column 5. */
const within = (text: string) => `images: { api: { context: . } }
environments:
  s:
    hosts: [ssh://h]
${text.replace(/^/gm, '    ')}`;

const SYNTAX: readonly Row[] = [
  ['an empty file', '', '1:1: the file is empty'],
  ['comments only', '# nothing\n', '1:1: the file is empty'],
  ['a list', '- images\n', '1:1: the file must be a mapping, not a list'],
  ['a word', 'images\n', '1:1: the file must be a mapping, not "images"'],
  [
    'a tab as indentation',
    'images:\n\tapi:\n\t\tcontext: .\n',
    '2:1: a tab cannot indent: use spaces',
    '3:1: a tab cannot indent: use spaces',
  ],
  [
    'a key twice',
    'images:\n  api: { context: . }\n  api: { context: ./other }\n',
    '3:3: the key "api" stands twice, first in line 2',
  ],
  [
    'a key twice, far down',
    'images:\n  api:\n    context: .\n    target: a\n    context: b\n',
    '5:5: the key "context" stands twice, first in line 3',
  ],
  [
    'a quote that is not closed',
    'project: "shop\nimages: {}\n',
    '1:10: the quote that begins here is not closed',
  ],
  [
    'a bracket that is not closed',
    'images:\n  api:\n    context: .\n    tags: [a, b\n',
    '4:11: the bracket that begins here is not closed, or what follows is not indented more than its key',
  ],
  [
    'a colon in a plain text',
    'images:\n  api:\n    context: a: b\n',
    '3:14: a value cannot hold ": " unless it is quoted',
  ],
  [
    'a text that begins with @',
    'images:\n  api:\n    context: @api\n',
    '3:14: plain value cannot start with reserved character @',
  ],
  [
    'two documents',
    'project: a\n---\nproject: b\n',
    '2:1: a second document begins here: one is expected',
  ],
  ['a tag', 'images:\n  api:\n    context: !path ./api\n', '3:14: unresolved tag: !path'],
  [
    'an alias without an anchor',
    'images:\n  api: *base\n',
    '2:8: the alias *base has no anchor before it',
  ],
  [
    'an alias of what it stands in',
    'x-a: &a [*a]\n',
    '1:10: the alias *a stands within its own anchor',
  ],
  [
    'an alias bomb',
    'x-a: &a [1,2,3,4,5,6,7,8,9,10]\nx-b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nx-c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nx-d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\nx-e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n',
    '4:31: aliases repeat more than 10000 values',
  ],
  [
    'a merge key that is no mapping',
    'images:\n  api:\n    <<: [a]\n    context: .\n',
    '3:10: << takes a mapping, or a list of them',
  ],
  [
    'a key that is a list',
    'images:\n  ? [a, b]\n  : { context: . }\n',
    '2:5: a key must be a word',
  ],
  [
    'a key that is nothing',
    'images:\n  ~: { context: . }\n',
    '2:3: the name "~" cannot be used: a name is made of a-z, 0-9 and single . _ - between them',
  ],
  [
    'a key of the prototype',
    'images:\n  __proto__: { context: . }\n',
    '2:3: the key "__proto__" cannot be used',
  ],
  [
    'a control character',
    'project: "a\u0007b"\n',
    '1:12: the control character U+0007 is not allowed',
  ],
  [
    'JSON with a comma too many',
    '{\n  "images": {\n    "api": {"context": ".",, "target": "x"}\n  }\n}\n',
    '3:28: unexpected , in flow map',
  ],
  [
    'nesting without end',
    `x-a: ${'['.repeat(150)}${']'.repeat(150)}\n`,
    '1:106: values are nested more than 100 deep',
  ],
];

const FORM: readonly Row[] = [
  ['an unknown key', 'imagse: {}\n', '1:1: the key "imagse" is not known (did you mean images?)'],
  [
    'keys of three levels',
    'images:\n  api:\n    contxt: ./api\n    flatten: { keepbase: x }\n    build_args: { A: b }\nenvironment: {}\n',
    '3:5: the key "contxt" is not known (did you mean context?)',
    '4:16: the key "keepbase" is not known (did you mean keep_base?)',
    '5:5: the key "build_args" is not known (write args)',
    '6:1: the key "environment" is not known (did you mean environments?)',
  ],
  ['an image that is a text', 'images:\n  api: ./api\n', '2:8: api must be a mapping, not "./api"'],
  ['images that are a list', 'images:\n  - api\n', '2:3: images must be a mapping, not a list'],
  [
    'nothing where a mapping is meant',
    'images:\ngroups: {}\n',
    '1:1: images must be a mapping, not nothing',
  ],
  [
    'a name with a capital',
    'images:\n  Api: { context: . }\n',
    '2:3: the name "Api" cannot be used: a name is made of a-z, 0-9 and single . _ - between them',
  ],
  [
    'a name with a blank',
    'groups:\n  "web tier": []\n',
    '2:3: the name "web tier" cannot be used: a name is made of a-z, 0-9 and single . _ - between them',
  ],
  [
    'a project with a capital',
    'project: Shop\n',
    '1:10: project must be lowercase letters, digits, _ and -, not "Shop"',
  ],
  [
    'a truth value of YAML 1.1',
    'images:\n  api: { context: ., pull: yes, no_cache: off }\n',
    '2:28: pull must be true or false, not "yes" (write true)',
    '2:43: no_cache must be true or false, not "off" (write false)',
  ],
  [
    'flatten that is a word',
    'images:\n  api:\n    context: .\n    flatten: always\n',
    '4:14: flatten must be true, false or a mapping of options, not "always"',
  ],
  [
    'one need that is no list',
    'images:\n  base: { context: . }\n  api: { context: ., needs: base }\n',
    '3:29: needs must be a list, not "base" (write [base])',
  ],
  [
    'an unknown compression',
    'images:\n  api: { context: ., flatten: { compression: gzip:12 } }\n',
    '2:46: compression must be none, gzip[:1-9] or zstd[:1-22], not "gzip:12"',
  ],
  [
    'a word that is not among those',
    'images:\n  api: { context: ., flatten: { history: sumary } }\n',
    '2:42: history must be summary, keep or none, not "sumary" (did you mean summary?)',
  ],
  [
    'a number that is too small',
    'images:\n  api: { context: ., flatten: { from: -1, max_entries: 0 } }\n',
    '2:39: from must be a whole number from 0 to 999999, not -1',
    '2:56: max_entries must be a whole number from 1 to 1000000000, not 0',
  ],
  [
    'a number that is a text',
    'images:\n  api: { context: ., flatten: { from: "two" } }\n',
    '2:39: from must be a whole number from 0 to 999999, not "two"',
  ],
  [
    'a size without a unit that is known',
    'images:\n  api: { context: ., flatten: { max_size: 10 apples } }\n',
    '2:43: max_size must be a size such as 500000, 10MB or 1.5GiB, not "10 apples"',
  ],
  [
    'a percentage over 100',
    'images:\n  api: { context: ., flatten: { min_saving: 130 } }\n',
    '2:45: min_saving must be a percentage from 0 to 100, not 130',
  ],
  [
    'a time that is none',
    'images:\n  api: { context: ., flatten: { timestamp: yesterday } }\n',
    '2:44: "yesterday" is not a time (write seconds since 1970, or for example 2026-01-31T12:00:00Z)',
  ],
  [
    'a platform that is none',
    'images:\n  api: { context: ., platforms: [linux/amd64, "linux arm"] }\n',
    '2:47: platforms must be a platform such as linux/amd64 or linux/arm64/v8, not "linux arm"',
  ],
  [
    'a secret without an id',
    'images:\n  api: { context: ., secrets: [{ file: ./s }] }\n',
    '2:32: the key "id" is missing',
  ],
  [
    'a secret from two places',
    'images:\n  api: { context: ., secrets: [{ id: s, file: ./s, env: S }] }\n',
    '2:57: the secret s has "file" and "env": one of them is meant',
  ],
  [
    'a limit of processes',
    'images:\n  api: { context: ., ulimits: { nofile: lots, NPROC: 3, core: { soft: 1 } } }\n',
    '2:41: nofile must be a whole number, or a mapping with soft and hard, not "lots"',
    '2:47: the name "NPROC" cannot be used: a limit is named by lowercase letters, such as nofile',
    '2:57: the key "hard" is missing',
  ],
  [
    'a tag that is a mapping',
    'images:\n  api:\n    context: .\n    tags:\n      - latest\n      - { sha: true }\n',
    '6:9: tags must be text, not a mapping',
  ],
];

const NAMES: readonly Row[] = [
  [
    'an unknown need',
    'images:\n  base: { context: . }\n  api: { context: ., needs: [bsae] }\n',
    '3:30: there is no image "bsae" (did you mean base?)',
  ],
  [
    'a need of itself',
    'images:\n  api: { context: ., needs: [api] }\n',
    '2:30: images need each other in a circle: api -> api',
  ],
  [
    'needs in a circle',
    'images:\n  a: { context: ., needs: [b] }\n  b: { context: ., needs: [c] }\n  c:\n    context: .\n    needs:\n      - a\n',
    '7:9: images need each other in a circle: a -> b -> c -> a',
  ],
  [
    'a circle through keep_base',
    'images:\n  a: { context: ., needs: [b] }\n  b: { context: ., flatten: { keep_base: a } }\n',
    '3:42: images need each other in a circle: a -> b -> a',
  ],
  [
    'a circle through a context',
    'images:\n  a: { context: ., additional_contexts: { x: "target:b" } }\n  b: { context: ., needs: [a] }\n',
    '3:28: images need each other in a circle: a -> b -> a',
  ],
  [
    'an unknown context',
    'images:\n  a: { context: ., additional_contexts: { x: "target:b" } }\n',
    '2:43: there is no image "b" (there is a)',
  ],
  [
    'a keep_base that is not there',
    'images:\n  base: { context: . }\n  api: { context: ., flatten: { keep_base: bass } }\n',
    '3:44: there is no image "bass" (did you mean base?)',
  ],
  [
    'keep_base and from',
    'images:\n  api: { context: ., flatten: { keep_base: "debian:12", from: 2 } }\n',
    '2:63: "from" and "keep_base" exclude each other: each says what stays',
  ],
  [
    'a build and an image',
    'images:\n  db:\n    image: example/db:5\n    context: ./db\n    target: x\n',
    '4:5: "context" belongs to a build, and db has "image" (leave one of them out)',
    '5:5: "target" belongs to a build, and db has "image" (leave one of them out)',
  ],
  [
    'neither a build nor an image',
    'images:\n  api: { needs: [] }\n',
    '2:3: the image "api" has neither "context" nor "image" (context is the folder to build, image is one that exists)',
  ],
  [
    'two Dockerfiles',
    'images:\n  api: { context: ., dockerfile: D, dockerfile_inline: FROM x }\n',
    '2:56: "dockerfile" and "dockerfile_inline" exclude each other',
  ],
  [
    'a group with an unknown member',
    'images:\n  worker: { context: . }\ngroups:\n  web: [workers]\n',
    '4:9: there is no image or group "workers" (did you mean worker?)',
  ],
  [
    'a group named like an image',
    'images:\n  web: { context: . }\ngroups:\n  web: [web]\n',
    '4:3: "web" is an image: a group needs another name',
  ],
  [
    'groups in a circle',
    'images: { i: { context: . } }\ngroups:\n  a: [i, b]\n  b: [a]\n',
    '4:7: groups hold each other in a circle: a -> b -> a',
  ],
  [
    'a reference that is none',
    'images:\n  db: { image: "example/DB:5" }\n',
    '2:16: the reference "example/DB:5" cannot be used: the repository name must be lowercase',
  ],
  [
    'a reference with the transport of other commands',
    'images:\n  db: { image: docker://docker.io/library/redis:7 }\n',
    '2:16: the reference "docker://docker.io/library/redis:7" cannot be used: the format is not valid (leave out "docker://")',
  ],
  [
    'an image by its id',
    `images:\n  db: { image: ${'a'.repeat(64)} }\n`,
    '2:16: the reference "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" cannot be used: a name cannot be 64 hex digits: an image id is meant by sha256:…',
  ],
  [
    'a tag that is none',
    'images:\n  api: { context: ., tags: [ok, "no good", "", .dot] }\n',
    '2:33: the tag "no good" cannot be used: it is made of letters, digits, _ . -, at most 128',
    '2:44: the tag "" cannot be used: it is empty',
    '2:48: the tag ".dot" cannot be used: it is made of letters, digits, _ . -, at most 128',
  ],
  [
    'a digest as a tag',
    'images:\n  api: { context: ., tags: ["api@sha256:0"] }\n',
    '2:29: a digest cannot be given to an image (leave out what begins with @)',
  ],
  [
    'no tags at all',
    'images:\n  api: { context: ., tags: [] }\n',
    '2:28: tags must not be empty (leave it out for latest)',
  ],
  [
    'two images of one name',
    'registry: r.example.com\nimages:\n  a: { context: ., tags: ["r.example.com/b:1"] }\n  b: { context: ., tags: [1] }\n',
    '4:27: b would be published as r.example.com/b:1, as a (shipper.yaml:3:27) is',
  ],
  [
    'a registry with a scheme',
    'registry: https://r.example.com/shop\n',
    '1:11: registry has no scheme (write r.example.com/shop)',
  ],
  [
    'a registry that is none',
    'registry: r.example.com/Shop\n',
    '1:11: the reference "r.example.com/Shop/name" cannot be used: the repository name must be lowercase',
  ],
  [
    'extends what is not there',
    'images:\n  api: { context: . }\n  worker: { extends: apu }\n',
    '3:22: there is no image "apu" (did you mean api?)',
  ],
  [
    'extends in a circle',
    'images:\n  a: { extends: b, context: . }\n  b: { extends: a, context: . }\n',
    '3:17: images extend each other in a circle: a -> b -> a',
  ],
  [
    'one mistake in what two extend, told once',
    'images:\n  a: { context: ., pull: 5 }\n  b: { extends: a }\n  c: { extends: b }\n',
    '2:26: pull must be true or false, not 5',
  ],
  [
    'a file that is not there to include',
    'include: [compose.yml, x.toml]\n',
    '1:11: compose.yml cannot be included: there is no such file',
    '1:24: x.toml cannot be included: there is no such file',
  ],
];

const VARIABLES: readonly Row[] = [
  [
    'a variable that is not set',
    'images:\n  api: { context: ., tags: ["${VERSION}"] }\n',
    '2:29: the variable VERSION is not set (set it, or write ${VERSION:-default})',
  ],
  [
    'a variable of the environment',
    'images:\n  api: { context: ., tags: ["{env.VERSION}"] }\n',
    '2:29: {env.VERSION}: the variable VERSION is not set (set it, or write ${VERSION:-default})',
  ],
  [
    'a message of its own',
    'images:\n  api: { context: ., tags: ["${VERSION:?say which}"] }\n',
    '2:29: the variable VERSION is not set: say which',
  ],
  [
    'a fact that does not exist',
    'images:\n  api: { context: ., tags: ["{git.sah}"] }\n',
    '2:29: there is no {git.sah} (did you mean {git.sha}?)',
  ],
  [
    'a fact of git that is not there',
    'images:\n  api: { context: ., tags: ["v{git.tag}"] }\n',
    '2:29: {git.tag}: git says: fatal: no describe --tags --exact-match HEAD',
  ],
  [
    'a brace that is not closed',
    'images:\n  api: { context: ., args: { A: "${B" } }\n',
    '2:33: "${B" is not closed (write ${B} or ${B:-default})',
  ],
  [
    'a dollar that begins nothing',
    'images:\n  api: { context: ., args: { A: "5$" } }\n',
    '2:33: "$" begins no variable (write $$ for a "$" that is meant)',
  ],
  [
    'a number that the variable does not make',
    within('services: { api: { image: api, deploy: { replicas: "${N:-many}" } } }'),
    '5:56: replicas must be a whole number from 0 to 10000, not what the variables make of it',
  ],
  [
    'a tag that the variable does not make',
    'images:\n  api: { context: ., tags: ["${V:-a b}"] }\n',
    '2:29: the tag "a b" cannot be used: it is made of letters, digits, _ . -, at most 128',
  ],
  [
    'a variable in a variable',
    'images:\n  api: { context: ., target: "${A:-${B:-${C}}}" }\n',
    '2:30: the variable C is not set (set it, or write ${C:-default})',
  ],
];

const SERVICES: readonly Row[] = [
  [
    'a host that is none',
    'environments:\n  s:\n    hosts: [host-1, "ftp://h", "ssh://u:p@h", "unix://rel"]\n',
    '3:13: hosts must be an address such as ssh://user@host, tcp://host:2376 or unix:///var/run/docker.sock, or a mapping with context, not "host-1"',
    '3:21: hosts must be an address such as ssh://user@host, tcp://host:2376 or unix:///var/run/docker.sock, or a mapping with context, not "ftp://h"',
    '3:32: the host "ssh://u:***@h" cannot be used: a password is not supported, use a key',
    '3:47: the host "unix://rel" cannot be used: the path of a socket starts with /',
  ],
  [
    'a host twice',
    'environments:\n  s:\n    hosts: ["ssh://a", "ssh://a"]\n',
    '3:24: the host "ssh://a" stands twice, first in line 3',
  ],
  [
    'an unknown environment to extend',
    'environments:\n  staging: {}\n  prod: { extends: stagng }\n',
    '3:20: there is no environment "stagng" (did you mean staging?)',
  ],
  [
    'an engine that is none',
    'environments:\n  s: { engine: kubernetes }\n',
    '2:16: engine must be docker or swarm, not "kubernetes"',
  ],
  [
    'hooks that are none',
    'environments:\n  s: { hooks: { pre_rollout: ./x, post-rolout: ./y, drain: [a] } }\n',
    '2:17: the key "pre_rollout" is not known (did you mean pre-rollout?)',
    '2:35: the key "post-rolout" is not known (did you mean post-rollout?)',
    '2:60: drain must be text, not a list',
  ],
  [
    'durations that are none',
    'environments:\n  s: { lock_timeout: 10, retain: 0 }\n',
    '2:22: lock_timeout must be a duration such as 30s or 1m30s, not 10',
    '2:34: retain must be a whole number from 1 to 1000, not 0',
  ],
  [
    'a service without an image',
    within('services: { api: {} }'),
    '5:17: the service "api" has no "image" (name one of images:, or write a whole reference)',
  ],
  [
    'a service of an unknown image',
    within('services: { web: { image: apo } }'),
    '5:31: there is no image "apo" (did you mean api?)',
  ],
  [
    'a reference without a tag',
    within('services: { web: { image: example/web } }'),
    '5:31: the reference "example/web" has neither tag nor digest (write example/web:TAG)',
  ],
  [
    'keys of Compose that mean something else here',
    within(
      'services:\n  api:\n    image: api\n    build: .\n    container_name: x\n    scale: 3\n    volumns: []',
    ),
    '8:9: the key "build" is not known (declare the image under images: and name it in image:)',
    '9:9: the key "container_name" is not known (containers are named by shipper: project-env-service-slot-release)',
    '10:9: the key "scale" is not known (write deploy.replicas)',
    '11:9: the key "volumns" is not known (did you mean volumes?)',
  ],
  [
    'ports that are none',
    within(
      'services: { api: { image: api, ports: [web, "70000", "9-8", "1-3:5-6", { published: 80 }] } }',
    ),
    '5:44: ports must be a port such as 80, 8080:80 or 127.0.0.1:8080:80/tcp, or a mapping, not "web"',
    '5:49: the ports "70000" cannot be used: a port is from 1 to 65535',
    '5:58: the ports "9-8" cannot be used: the range ends before it begins',
    '5:65: the ports "1-3:5-6" cannot be used: both ranges must be of the same length',
    '5:76: the key "target" is missing',
  ],
  [
    'volumes that are none',
    within(
      'volumes: { data: }\nservices: { api: { image: api, volumes: [date:/x, "./x:/y", "data:y", "data:/y:exec", { type: bind, target: /z }] } }',
    ),
    '6:46: there is no volume "date" (did you mean data?)',
    '6:55: the source "./x" is no absolute path (it is a path of the hosts, not of this machine)',
    '6:65: the target "y" of a volume is no absolute path',
    '6:75: a volume takes no "exec" (there is ro, rw, z, Z, nocopy and ways of propagation)',
    '6:91: a bind has no source',
  ],
  [
    'networks that are none',
    within(
      'networks: { front: }\nservices: { api: { image: api, networks: [fron, back], network_mode: host } }',
    ),
    '6:47: there is no network "fron" (did you mean front?)',
    '6:53: there is no network "back" (declare it in the environment: networks)',
    '6:74: "network_mode" and "networks" exclude each other',
  ],
  [
    'a healthcheck that is none',
    within(
      'services: { api: { image: api, healthcheck: { test: [curl, x], interval: 5, retries: 0 } } }',
    ),
    '5:57: test begins with CMD, CMD-SHELL or NONE (write [CMD, curl, x])',
    '5:78: interval must be a duration such as 30s or 1m30s, not 5',
    '5:90: retries must be a whole number from 1 to 1000000, not 0',
  ],
  [
    'a restart that is none',
    within('services: { api: { image: api, restart: allways } }'),
    '5:45: restart must be no, always, unless-stopped or on-failure[:N], not "allways"',
  ],
  [
    'services that wait for each other',
    within(
      'services:\n  a: { image: api, depends_on: [b] }\n  b: { image: api, depends_on: { a: {} } }\n  c: { image: api, depends_on: [d] }',
    ),
    '7:38: services depend on each other in a circle: a -> b -> a',
    '8:37: there is no service "d" (there is a, b, c)',
  ],
  [
    'a deployment that contradicts itself',
    within(
      'services: { api: { image: api, deploy: { mode: global, replicas: 2, placement: { constraints: [x] }, update_config: { max_failure_ratio: 2, failure_action: stop } } } }',
    ),
    '5:70: a global service has no replicas: there is one on every host',
    '5:73: "placement" is for a swarm (write engine: swarm, or leave it out)',
    '5:142: max_failure_ratio must be a number from 0 to 1, not 2',
    '5:161: failure_action must be pause, continue or rollback, not "stop"',
  ],
  [
    'a command with a quote',
    within('services: { api: { image: api, command: "sh -c \'x" } }'),
    '5:45: a quote in command is not closed',
  ],
];

describe.each([
  ['syntax', SYNTAX],
  ['form', FORM],
  ['names', NAMES],
  ['variables', VARIABLES],
  ['services', SERVICES],
])('wrong %s', (_, rows) => {
  it.each(rows)('%s', async (_what, text, ...problems) => {
    expect(await problemsOf(text)).toEqual(problems);
  });
});

it('the table has many files, and all of them have problems', () => {
  const rows = [SYNTAX, FORM, NAMES, VARIABLES, SERVICES].flat();
  expect(rows.length).toBeGreaterThan(90);
  expect(rows.filter(([, , ...problems]) => problems.length === 0)).toEqual([]);
});

it('bytes that are not UTF-8 are told by their line', async () => {
  const bytes = Buffer.concat([
    Buffer.from('project: shop\nregistry: '),
    Buffer.from([0xff, 0x0a]),
  ]);
  expect(await problemsOf(bytes)).toEqual(['2:1: the line has bytes that are not UTF-8']);
});

it('more than a thousand images are told, however they hang together', async () => {
  const lines = Array.from(
    { length: 3000 },
    (_, at) => `  a${at}: { extends: a${at + 1}, context: ., needs: [a${at + 1}] }`,
  );
  expect(await problemsOf(`images:\n${lines.join('\n')}\n`)).toEqual([
    '1001:20: there is no image "a1000" (did you mean a100?)',
    '1001:47: there is no image "a1000" (did you mean a100?)',
    '1002:3: there are more than 1000 images',
  ]);
});

it('texts without end are told in short, and soon', async () => {
  const [told, ...rest] = await problemsOf(
    `images: { a: { context: ., tags: ["${'{'.repeat(500_000)}"] } }`,
  );
  expect(rest).toEqual([]);
  expect(told?.length).toBeLessThan(500);
});
