// Many tasks under a cap. The only file that imports p-queue.
import PQueue from 'p-queue';

/** Runs all tasks, at most `concurrency` at once. The first failure is thrown after every started task has ended. */
export async function runAll(
  tasks: readonly (() => Promise<void>)[],
  concurrency: number,
): Promise<void> {
  const queue = new PQueue({ concurrency: Math.max(1, concurrency) });
  let failure: { readonly error: unknown } | undefined;
  const run = async (task: () => Promise<void>) => {
    // What has not started yet need not start any more; what has started must end, or it would outlive its files.
    if (failure !== undefined) return;
    try {
      await task();
    } catch (error) {
      failure ??= { error };
    }
  };
  await Promise.all(tasks.map((task) => queue.add(() => run(task))));
  if (failure !== undefined) throw failure.error;
}
