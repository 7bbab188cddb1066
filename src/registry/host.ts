// Where a registry is really served, and how it may be spoken to.

/** One place that serves a registry: its own host, or a mirror of it. */
export interface RegistryHost {
  /** `https://registry-1.docker.io`, `http://localhost:5000`: what paths are appended to. */
  readonly origin: string;
  /** The domain whose credentials count here: `docker.io`, or the mirror's own. */
  readonly domain: string;
  /** A mirror only serves reads. */
  readonly isMirror: boolean;
  /** Loopback, or listed as insecure: plain http and untrusted certificates are accepted. */
  readonly isInsecure: boolean;
  readonly tls: TlsFiles;
}

/** PEM texts for connections to the host; nothing where the system's own trust is enough. */
export interface TlsFiles {
  /** Trusted besides what Node trusts by itself. */
  readonly ca?: string;
  /** What we prove ourselves with, and its key; both or neither. */
  readonly cert?: string;
  readonly key?: string;
}
