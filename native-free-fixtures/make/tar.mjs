// A small tar writer. Names and texts are latin1 strings, one character per byte.

const BLOCK = 512;
const TYPES = { file: '0', link: '1', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6' };

/**
 * @typedef {object} Entry
 * @property {string} name
 * @property {keyof typeof TYPES} type
 * @property {string | Uint8Array} [body]
 * @property {string} [linkname]
 * @property {number} [mode]
 * @property {number} [uid]
 * @property {number} [gid]
 * @property {number} [mtime] seconds
 * @property {string} [paxTime] an mtime that needs a record
 * @property {number} [major]
 * @property {number} [minor]
 * @property {Record<string, string>} [xattrs]
 */

/** @param {string | Uint8Array} value */
export function bytesOf(value) {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.from(value);
}

/**
 * A tar of entries with two zero blocks at the end.
 * @param {readonly Entry[]} entries
 */
export function tar(entries) {
  return Buffer.concat([...entries.map(encode), Buffer.alloc(2 * BLOCK)]);
}

/** @param {string} name @param {Partial<Entry>} [attributes] @returns {Entry} */
export function dir(name, attributes = {}) {
  return { name: `${name}/`, type: 'dir', mode: 0o755, ...attributes };
}

/** @param {string} name @param {string | Uint8Array} body @param {Partial<Entry>} [attributes] @returns {Entry} */
export function file(name, body, attributes = {}) {
  return { name, type: 'file', body, ...attributes };
}

/** @param {string} name @param {string} linkname @param {Partial<Entry>} [attributes] @returns {Entry} */
export function symlink(name, linkname, attributes = {}) {
  return { name, type: 'symlink', linkname, mode: 0o777, ...attributes };
}

/** @param {string} name @param {string} linkname @param {Partial<Entry>} [attributes] @returns {Entry} */
export function link(name, linkname, attributes = {}) {
  return { name, type: 'link', linkname, ...attributes };
}

/** @param {string} path @returns {Entry} */
export function whiteout(path) {
  const slash = path.lastIndexOf('/') + 1;
  return file(`${path.slice(0, slash)}.wh.${path.slice(slash)}`, '', { mode: 0 });
}

/** @param {string} path @returns {Entry} */
export function opaque(path) {
  return file(`${path}/.wh..wh..opq`, '', { mode: 0 });
}

/** @param {Entry} entry */
function encode(entry) {
  const body = bytesOf(entry.body ?? '');
  const records = paxRecords(entry);
  const main = withBody(header(entry, body.length, TYPES[entry.type]), body);
  if (records === '') return main;
  const extension = { name: 'PaxHeaders.0/entry', type: /** @type {const} */ ('file') };
  const pax = withBody(header(extension, records.length, 'x'), bytesOf(records));
  return Buffer.concat([pax, main]);
}

/** @param {Buffer} block @param {Buffer} body */
function withBody(block, body) {
  return Buffer.concat([block, body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

/** @param {Entry} entry */
function paxRecords(entry) {
  const records = Object.entries(entry.xattrs ?? {}).map(([k, v]) => [`SCHILY.xattr.${k}`, v]);
  if (entry.name.length > 100) records.unshift(['path', entry.name]);
  if ((entry.linkname ?? '').length > 100) records.push(['linkpath', entry.linkname ?? '']);
  if ((entry.uid ?? 0) > 0o7777777) records.push(['uid', String(entry.uid)]);
  if (entry.paxTime !== undefined) records.push(['mtime', entry.paxTime]);
  return records.map(([key = '', value = '']) => paxRecord(key, value)).join('');
}

/** @param {string} key @param {string} value */
function paxRecord(key, value) {
  const rest = ` ${key}=${value}\n`;
  let size = rest.length + 1;
  while (`${size}${rest}`.length !== size) size = `${size}${rest}`.length;
  return `${size}${rest}`;
}

/** @param {Entry} entry @param {number} size @param {string} typeflag */
function header(entry, size, typeflag) {
  const block = Buffer.alloc(BLOCK);
  const uid = entry.uid ?? 0;
  block.write(entry.name.slice(0, 100), 0, 'latin1');
  block.write(octal(entry.mode ?? 0o644, 8), 100, 'latin1');
  block.write(octal(uid > 0o7777777 ? 0 : uid, 8), 108, 'latin1');
  block.write(octal(entry.gid ?? 0, 8), 116, 'latin1');
  block.write(octal(size, 12), 124, 'latin1');
  block.write(octal(entry.mtime ?? 0, 12), 136, 'latin1');
  block.write(typeflag, 156, 'latin1');
  block.write((entry.linkname ?? '').slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(octal(entry.major ?? 0, 8), 329, 'latin1');
  block.write(octal(entry.minor ?? 0, 8), 337, 'latin1');
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** @param {number} value @param {number} width */
function octal(value, width) {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}
