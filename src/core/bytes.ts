// Byte helpers that have one right answer. Names and attribute values of layers are "latin1 strings": one character
// per byte, so that they compare, concatenate and key a Map without losing a byte.

/** The latin1 string of bytes. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The bytes of a latin1 string. */
export function fromLatin1(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** The latin1 string of the UTF-8 bytes of `text`: how a name that a person typed is looked up in a layer. */
export function latin1OfText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/**
 * A latin1 string for people: decoded as UTF-8 where it is that, and control characters, backslashes and stray bytes
 * as `\n`, `\\`, `\xNN`, so that a hostile name can neither move a cursor nor pass for another.
 */
export function printable(name: string): string {
  const text = new TextDecoder('utf-8').decode(fromLatin1(name));
  const exact = Buffer.from(text, 'utf8').toString('latin1') === name ? text : name;
  return escapeControls(exact, exact === name && text !== name);
}

function escapeControls(text: string, stray: boolean): string {
  let shown = '';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (char === '\\') shown += '\\\\';
    else if (char === '\n') shown += '\\n';
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || (stray && code > 0x7e)) {
      shown += `\\x${code.toString(16).padStart(2, '0')}`;
    } else if (isInvisible(code)) shown += `\\u{${code.toString(16)}}`;
    else shown += char;
  }
  return shown;
}

/** Direction marks, separators and other characters that change how the text around them is shown. */
function isInvisible(code: number): boolean {
  return (
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    code === 0xfeff
  );
}

/** Whether the bytes of a latin1 string are valid UTF-8. */
export function isUtf8(name: string): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(fromLatin1(name));
    return true;
  } catch {
    return false;
  }
}
