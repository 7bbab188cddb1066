// Completion in bash, zsh and fish, which scripts/real-setup.sh installs: the tests of test/tasks, where none may be missing.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

process.env['SHIPPER_TESTS'] = 'all';
await import('../tasks/completion.test.ts');

it.each(['bash', 'zsh', 'fish'])('%s is here', (shell) => {
  expect(spawnSync(shell, ['-c', 'true']).status).toBe(0);
});
