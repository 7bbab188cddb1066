// K9: each signal at 20 moments of a run of the real program.
import { describe, it } from 'vitest';
import { STOPS, stopAtMoments, stoppableImage } from '../process/moments.ts';

describe('K9: a signal at 20 moments', () => {
  const image = stoppableImage();
  it.each(STOPS)('%s', (signal) => stopAtMoments(image, 20, [signal]));
});
