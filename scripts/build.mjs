// Compiles src to dist. Skips the work when dist is newer than every source, so that `npm test` after `npm run build`
// costs nothing; builds beside and moves into place, so that nobody ever runs half of a build.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const stamp = join(dist, '.built');

/** The newest modification time below `folder`, in milliseconds. */
function newest(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => statSync(join(folder, name)).mtimeMs)
    .reduce((a, b) => Math.max(a, b), 0);
}

/**
 * The command line in a few files: loading a hundred small modules one by one costs a twentieth of a flatten of 1 GB
 * (docs/decisions/0016). The library stays as tsc made it, and so do stack traces' names.
 */
async function bundleCommand(folder) {
  const { rolldown } = await import('rolldown');
  const entry = join(folder, 'bin.js');
  const build = await rolldown({
    input: entry,
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  });
  await build.write({
    dir: join(folder, 'command'),
    format: 'esm',
    comments: false,
    // A fifth less to parse. Names stay, so that what goes wrong can be told.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    // What nearly every command needs is one file.
    codeSplitting: { groups: [{ name: 'common', minShareCount: 20 }] },
  });
  await build.close();
  writeFileSync(entry, "#!/usr/bin/env node\nimport './command/bin.js';\n");
}

const configs = ['package.json', 'tsconfig.json', 'tsconfig.build.json'];
const inputs = Math.max(
  newest(join(root, 'src')),
  ...configs.map((file) => statSync(join(root, file)).mtimeMs),
);

if (!existsSync(stamp) || statSync(stamp).mtimeMs < inputs) {
  const fresh = `${dist}.new-${process.pid}`;
  const old = `${dist}.old-${process.pid}`;
  try {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', fresh];
    execFileSync(process.execPath, args, { stdio: 'inherit' });
    await bundleCommand(fresh);
    chmodSync(join(fresh, 'bin.js'), 0o755);
    writeFileSync(join(fresh, '.built'), '');
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
  } catch (error) {
    // tsc has said what is wrong.
    if (error.status === undefined) throw error;
    process.exitCode = 1;
  } finally {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
  }
}
