// Files of containers in memory: small tars in and out, at once, so that virtual time need not wait for streams.
import type { FakeContainer } from './fake-host.ts';
import { Refusal } from './fake-host-terms.ts';

const BLOCK = 512;

/** `PUT /containers/{id}/archive`. */
export function putFiles(container: FakeContainer, folder: string, tar: Uint8Array): void {
  const bytes = Buffer.from(tar);
  for (let at = 0; at + BLOCK <= bytes.length; ) {
    const name = textAt(bytes, at, 100);
    if (name === '') break;
    const size = Number.parseInt(textAt(bytes, at + 124, 12) || '0', 8);
    const kind = textAt(bytes, at + 156, 1);
    if (Number.isNaN(size)) throw new Refusal(400, 'Error processing tar file: invalid header');
    const body = bytes.subarray(at + BLOCK, at + BLOCK + size);
    if (kind === '0' || kind === '') container.files.set(absolute(folder, name), Buffer.from(body));
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}

/** `GET /containers/{id}/archive` of one file; undefined when it is not there. */
export function getFile({ files }: FakeContainer, path: string): Uint8Array | undefined {
  const body = files.get(path);
  if (body === undefined) return undefined;
  const header = Buffer.alloc(BLOCK);
  header.write(path.slice(path.lastIndexOf('/') + 1), 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, body, padding, Buffer.alloc(2 * BLOCK)]);
}

function textAt(bytes: Buffer, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end).trim();
}

function absolute(folder: string, name: string): string {
  return `${folder.replace(/\/+$/, '')}/${name.replace(/^(?:\.?\/)+/, '')}`;
}
