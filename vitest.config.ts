import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { defineConfig } from 'vitest/config';

/** What is waited for comes at once, but not on a machine that does something else. */
const patient = { poll: { timeout: 20_000 } };

/** `unit` is hermetic (no daemon, no root); `real` and `soak` start private engines and registries. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // Two cores are what there is; the default leaves one of them idle.
          maxWorkers: 2,
          // In memory where there is such a folder: thousands of small files are written and flushed.
          env: { TMPDIR: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
          // Files share a process: none changes what another sees, and loading all of src anew for each is a third of the time.
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/soak/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: patient,
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          expect: patient,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'soak',
          include: ['test/soak/**/*.test.ts'],
          testTimeout: 3_600_000,
          hookTimeout: 300_000,
          expect: patient,
          fileParallelism: false,
        },
      },
    ],
  },
});
