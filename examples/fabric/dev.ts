// The development tool of another user. Its schema version stood in the command, because there were no labels; its wait for the data
// base was a loop of ten times five seconds; its exit code was that of nothing.
import { task } from 'shipper';

/** Start the data base, once, and wait until it takes queries. */
export const cassandra = task({}, async ({ ship }) => {
  const ran = await ship.run('cassandra:4', [], { name: 'cassandra', once: true });
  await ship.attach(
    ran.map(({ container }) => container),
    { stopLine: /Startup complete|already/ },
  );
});

/** Run the unit tests against it. */
export const unitTests = task({}, async ({ ship }) => {
  await cassandra({ ship });
  const ran = await ship.run('otter:dev', ['make', 'unit'], { links: ['cassandra:db'] });
  const ended = await ship.wait(ran.map(({ container }) => container));
  if (ended.values.some(({ exitCode }) => exitCode !== 0)) throw new Error('tests failed');
  return 'tests passed';
});
