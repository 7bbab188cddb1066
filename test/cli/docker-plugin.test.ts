// `docker shipper …`: what the docker command says, as shipper understands it.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { pluginCall, pluginMetadata, pluginScript } from '../../src/cli/docker-plugin.ts';

describe('a call by the docker command', () => {
  it.each([
    [['shipper', 'flatten', 'alpine', '--json'], ['flatten', 'alpine', '--json'], {}],
    [
      ['--context', 'x', '-D', 'shipper', 'flatten', 'x'],
      ['flatten', 'x', '--debug'],
      { DOCKER_CONTEXT: 'x', DOCKER_HOST: '' },
    ],
    [['-H', 'tcp://h', 'shipper', 'tag', 'a', 'b'], ['tag', 'a', 'b'], { DOCKER_HOST: 'tcp://h' }],
    [['--host=unix:///s', 'shipper'], [], { DOCKER_HOST: 'unix:///s' }],
    [
      ['--config', '/c', '-l', 'info', '--tlsverify', 'shipper', '--help'],
      ['--help'],
      { DOCKER_CONFIG: '/c', DOCKER_TLS_VERIFY: '1' },
    ],
    // An image may have the plugin's name, and an option of a command that of the docker command.
    [['shipper', 'copy', 'shipper', '--host', 'h'], ['copy', 'shipper', '--host', 'h'], {}],
  ])('%j', (words, argv, env) => {
    expect(pluginCall(words)).toEqual({ argv, env });
  });
});

describe('the plugin', () => {
  it('says what it is', () => {
    expect(JSON.parse(pluginMetadata())).toMatchObject({
      SchemaVersion: '0.1.0',
      Vendor: 'shipper',
    });
  });

  it('starts shipper, wherever that lies', () => {
    const script = pluginScript(['/bin/echo', "/it's here/bin.js"]);
    const out = execFileSync('sh', ['-s', 'a b'], { input: script, encoding: 'utf8' });
    expect(out).toBe("/it's here/bin.js a b\n");
  });
});
