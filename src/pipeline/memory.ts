// What earlier runs of a project made, by content key: one file, read once, written after each image. Nothing in it is
// believed without asking the registry or engine whether the image is still there.
import { digestOf } from '../core/digest.ts';
import { isShipperError, messageOf } from '../core/errors.ts';
import { createBeside, splitPath } from '../system/spool.ts';
import type { System } from '../system/system.ts';
import {
  EMPTY_MEMORY,
  keysOf,
  type MemoryFile,
  parseMemory,
  type Remembered,
  withKey,
} from './memory-file.ts';

const FILE_BYTES = 16_777_216;
/** Of one image: branches that are shipped in turn. */
const KEYS = 20;
const PRIVATE_MODE = 0o700;

/** The memory of a project. */
export class Memory {
  /** Where it lies. */
  readonly file: string;
  readonly #system: System;
  #stored: MemoryFile = EMPTY_MEMORY;
  #writing: Promise<void> = Promise.resolve();

  constructor(system: System, project: { readonly name: string; readonly file: string }) {
    this.#system = system;
    this.file = `${stateFolder(system)}/shipper/${folderName(project)}/ship.json`;
  }

  /** Reads the file. One that cannot be used is no memory: resolves with the sentence that says why. */
  async read(): Promise<string | undefined> {
    try {
      this.#stored = await this.#load();
      return undefined;
    } catch (error) {
      return `What earlier runs made is not known: ${messageOf(error)}`;
    }
  }

  /** What came of `key` of `image`. */
  find(image: string, key: string): Remembered | undefined {
    return keysOf(this.#stored.images, image).find((each) => each.key === key);
  }

  /** Remembers it, on disk when it resolves. Other runs of the project may have written meanwhile: theirs stays. */
  remember(image: string, keys: readonly string[], what: Remembered): Promise<void> {
    const written = this.#writing.then(async () => {
      let stored = await this.#load().catch(() => EMPTY_MEMORY);
      for (const key of keys) stored = withKey(stored, image, { ...what, key }, KEYS);
      await this.#save(stored);
      this.#stored = stored;
    });
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #load(): Promise<MemoryFile> {
    try {
      const bytes = await this.#system.files.read(this.file, FILE_BYTES);
      return parseMemory(new TextDecoder().decode(bytes), this.file);
    } catch (error) {
      if (isShipperError(error, 'NOT_FOUND')) return EMPTY_MEMORY;
      throw error;
    }
  }

  async #save(stored: MemoryFile): Promise<void> {
    const { files } = this.#system;
    await files.makeDirectory(splitPath(this.file).folder, PRIVATE_MODE);
    await using temp = await createBeside(this.#system, this.file);
    await temp.file.write(new TextEncoder().encode(`${JSON.stringify(stored)}\n`), 0);
    await temp.moveTo(this.file);
  }
}

/** As the XDG base directory specification has it. */
function stateFolder({ env, homedir }: System): string {
  const folder = env['XDG_STATE_HOME'];
  return folder?.startsWith('/') ? folder : `${homedir}/.local/state`;
}

/** Two checkouts of a project do not share what they remember. */
function folderName({ name, file }: { readonly name: string; readonly file: string }): string {
  const hex = digestOf(new TextEncoder().encode(file)).slice('sha256:'.length);
  return `${name}-${hex.slice(0, 12)}`;
}
