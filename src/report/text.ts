// What comes from images, engines and file names, made fit to be shown: nothing in it can move a cursor, hide text or
// carry a password.

const REDACTIONS: readonly (readonly [RegExp, string])[] = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*:[^\s/@]*@/gi, '$1***@'],
  [/\b(authorization:\s*(?:basic|bearer)\s+)[^\s"',]+/gi, '$1***'],
  [/\b(x-registry-(?:auth|config):\s*)[^\s"',]+/gi, '$1***'],
  [/([?&](?:access_token|token|password|signature|sig|x-amz-signature)=)[^\s&"']+/gi, '$1***'],
];

/** `text` without the passwords of URLs, the values of authorisation headers and the tokens of queries. */
export function redact(text: string): string {
  return REDACTIONS.reduce((kept, [pattern, mask]) => kept.replace(pattern, mask), text);
}

/**
 * `text` on one line, for a terminal: control characters and marks that change the direction of text are written as
 * `\n`, `\x1b`, `\u{202e}`; secrets are masked.
 */
export function safe(text: string): string {
  return redact(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** {@link safe} for text of several lines, such as a stack: its line feeds stay. */
export function safeLines(text: string): string {
  return text.split('\n').map(safe).join('\n');
}
