// Loads modules that a user wrote, TypeScript or JavaScript, into this process: by Node itself where it strips types, else by jiti.
// Whatever they import as `shipper` is this very package, also where none is installed beside them. The only file that runs jiti
// (docs/decisions/0035).
import * as nodeModule from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** How a module is loaded. */
export interface LoadModuleOptions {
  /** It runs already, as the program itself: this very instance is wanted. Default false. */
  readonly isRunning?: boolean;
  /** Where what was compiled is kept. */
  readonly cache: string;
}

/** The library's own file: beside the folder of this one, compiled, bundled or not. */
const LIBRARY = new URL(
  `../index${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`,
  import.meta.url,
);

/** Node's way to take part in loading: 22.15 and later. */
const HAS_HOOKS = typeof nodeModule.registerHooks === 'function';
const STRIPS_TYPES = HAS_HOOKS && Boolean(Reflect.get(process.features, 'typescript'));

let isHooked = false;
let isCompiled = false;

/** Loads the module at the absolute `path`; rejects with whatever it, or loading it, throws. */
export async function loadUserModule(
  path: string,
  { isRunning = false, cache }: LoadModuleOptions,
): Promise<object> {
  if (STRIPS_TYPES || isRunning) {
    hookOnce();
    try {
      return await importNatively(path);
    } catch (error) {
      if (!wantsCompiler(error)) throw error;
    }
  }
  return loadCompiled(path, cache);
}

function importNatively(path: string): Promise<object> {
  return import(pathToFileURL(path).href);
}

/** Syntax that stripping cannot remove, such as enums; or a Node that does not know `.ts`. */
function wantsCompiler(error: unknown): boolean {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' || code === 'ERR_UNKNOWN_FILE_EXTENSION';
}

/** Modules that are loaded later, by those that are loaded now, count as well: the hooks stay. */
function hookOnce(): void {
  if (isHooked || !HAS_HOOKS) return;
  isHooked = true;
  nodeModule.registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== 'shipper') return next(specifier, context);
      return { url: LIBRARY.href, shortCircuit: true };
    },
    load(url, context, next) {
      // Without this Node parses twice, and warns, where no package.json says what the file is.
      const isTyped = STRIPS_TYPES && /\.ts$/.test(url) && context.format !== 'commonjs-typescript';
      return next(url, isTyped ? { ...context, format: 'module-typescript' } : context);
    },
  });
}

async function loadCompiled(path: string, cache: string): Promise<object> {
  isCompiled = true;
  const [{ createJiti }, library] = await Promise.all([
    import('jiti'),
    importNatively(fileURLToPath(LIBRARY)),
  ]);
  const jiti = createJiti(path, {
    fsCache: cache,
    interopDefault: false,
    virtualModules: { shipper: library },
  });
  return jiti.import<object>(path);
}

/**
 * Where `line` and `column` of what jiti made of `path` are in the file itself: the lines are the same, the columns may not be.
 * Undefined where that cannot be told.
 */
export async function originalColumn(
  path: string,
  text: string,
  line: number,
  column: number,
): Promise<number | undefined> {
  if (!isCompiled) return column;
  const { createJiti } = await import('jiti');
  const jiti = createJiti(path, { fsCache: false, sourceMaps: true, interopDefault: false });
  const code = jiti.transform({
    source: text,
    filename: path,
    ts: /\.[cm]?tsx?$/.test(path),
    async: true,
  });
  const [, map] = /sourceMappingURL=data:application\/json[^,]*;base64,([\w+/=]+)/.exec(code) ?? [];
  if (map === undefined) return undefined;
  const found = new nodeModule.SourceMap(
    JSON.parse(Buffer.from(map, 'base64').toString()),
  ).findEntry(line - 1, column - 1);
  return 'originalColumn' in found ? found.originalColumn + 1 : undefined;
}
