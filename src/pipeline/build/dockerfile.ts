// A Dockerfile for an engine that knows no named contexts: parents are put where FROM and COPY --from name them.
import { GlobalArguments, instructionsOf, keywordOf, unquoted } from './dockerfile-text.ts';

/** FROM, flags, then the image; what is between them may be a continued line. */
const FROM = /^(\s*FROM(?:(?:\s|[\\`]\r?\n)+--\S+)*(?:\s|[\\`]\r?\n)+)([^\s\\`]+)/i;
const COPIED = /(\s--from=)([^\s\\`]+)/;

/** Puts other images where `FROM` and `COPY --from` name one of `parents`; everything else stays, byte for byte. */
export function withParents(
  dockerfile: string,
  parents: ReadonlyMap<string, string>,
  args: Readonly<Record<string, string>>,
): string {
  const places = new Map([...parents].map(([name, place]) => [normalized(name), place] as const));
  const globals = new GlobalArguments(args);
  let isGlobal = true;
  return instructionsOf(dockerfile)
    .map((text) => {
      const keyword = keywordOf(text);
      if (keyword === 'ARG' && isGlobal) globals.declare(text);
      if (keyword === 'FROM') {
        isGlobal = false;
        return fromOther(text, places, globals);
      }
      return keyword === 'COPY' ? copyFromOther(text, places) : text;
    })
    .join('');
}

function fromOther(
  text: string,
  places: ReadonlyMap<string, string>,
  globals: GlobalArguments,
): string {
  const [all = '', before = '', image = ''] = FROM.exec(text) ?? [];
  const place = places.get(normalized(globals.expand(image).text));
  return place === undefined ? text : `${before}${place}${text.slice(all.length)}`;
}

function copyFromOther(text: string, places: ReadonlyMap<string, string>): string {
  return text.replace(COPIED, (all, flag: string, image: string) => {
    const place = places.get(normalized(unquoted(image)));
    return place === undefined ? all : `${flag}${place}`;
  });
}

/** Stages, contexts and images have one namespace, without regard to case and to the defaults of image names. */
function normalized(name: string): string {
  return name
    .toLowerCase()
    .replace(/^docker\.io\//, '')
    .replace(/^library\//, '')
    .replace(/:latest$/, '');
}
