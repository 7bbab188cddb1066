import { describe, expect, it } from 'vitest';
import { nextLink, targetOf, withQuery } from '../../src/registry/location.ts';

function going(location: string | undefined, from: string): string {
  const target = targetOf(location, new URL(from));
  return 'url' in target ? target.url.href : target.refusal;
}

describe('targetOf()', () => {
  const FROM = 'https://hub.example/v2/a/blobs/uploads/';

  it('R23 resolves what is relative and keeps the query as it is', () => {
    expect(going('/v2/a/blobs/uploads/1?_state=a%2Fb%3D&x', FROM)).toBe(
      'https://hub.example/v2/a/blobs/uploads/1?_state=a%2Fb%3D&x',
    );
    expect(going('1?s=1', FROM)).toBe('https://hub.example/v2/a/blobs/uploads/1?s=1');
    expect(going('https://user:secret@cdn.example/x?y#z', FROM)).toBe('https://cdn.example/x?y');
  });

  it('R2 never leaves TLS, not even at the same host', () => {
    expect(going('http://hub.example/v2/x', FROM)).toBe(
      'it sends us to plain http at "hub.example"',
    );
    expect(going('http://cdn.example/x', FROM)).toContain('plain http');
    expect(going('https://cdn.example/x', 'http://localhost:5000/v2/')).toBe(
      'https://cdn.example/x',
    );
  });

  it('R3 R23 goes behind the firewall only from there', () => {
    for (const host of ['10.0.0.1', '127.0.0.1:5000', '[::1]', '169.254.169.254', '0.0.0.0']) {
      expect(going(`https://${host}/x`, FROM)).toContain('private network');
    }
    expect(going('http://127.0.0.1:9/x', 'http://localhost:5000/v2/')).toBe('http://127.0.0.1:9/x');
    expect(going('http://10.0.0.5:9000/x', 'http://10.0.0.5:5000/v2/')).toContain('10.0.0.5:9000');
  });

  it('refuses what is no URL of the web', () => {
    for (const location of ['file:///etc/passwd', 'data:,x', 'http://', undefined, '']) {
      expect(going(location, FROM)).toMatch(/^(?:it|its) /);
    }
  });
});

describe('nextLink()', () => {
  it('finds the next page among links', () => {
    expect(nextLink(['</a?n=1>; rel="next"'])).toBe('/a?n=1');
    expect(nextLink(['<a>; rel=prev, <b,c>; type="x"; rel=next'])).toBe('b,c');
    expect(nextLink(['<a>; rel="nextish"', 'x'])).toBeUndefined();
    expect(nextLink([])).toBeUndefined();
  });
});

describe('withQuery()', () => {
  it('adds to a query without rewriting it', () => {
    const url = new URL('https://h/u?_state=a%20b+c');
    expect(withQuery(url, 'digest', 'sha256:1').href).toBe(
      'https://h/u?_state=a%20b+c&digest=sha256%3A1',
    );
    expect(withQuery(new URL('https://h/u'), 'digest', 'x').href).toBe('https://h/u?digest=x');
  });
});
