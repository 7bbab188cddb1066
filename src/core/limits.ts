// Every cap in one place. A cap is there so that no claim in a header can take memory, time or disk.

// Written out as numbers so that the declarations carry them: 1 MiB = 1_048_576, 1 GiB = 1_073_741_824.

export const LIMITS = {
  /** A PAX or GNU long-name body, in bytes (Go archive/tar and node-tar use the same). */
  tarExtensionBytes: 1_048_576,
  /** Records of one PAX header; real ones have a dozen. */
  paxRecords: 8192,
  /** Records that PAX global headers leave in force at once: each is looked at for every entry. */
  paxGlobalRecords: 256,
  /** One path component: no Linux file system takes more. */
  pathComponentBytes: 255,
  /** A whole path: PATH_MAX. */
  pathBytes: 4096,
  /** Distinct sets of extended attributes of one image, in bytes. */
  xattrBytes: 67_108_864,
  /** Target of a symbolic link, in bytes: PATH_MAX less its NUL. */
  symlinkBytes: 4095,
  /** Symbolic links followed while one name is resolved. */
  symlinkHops: 255,
  /** Data extents of all sparse files of one image. */
  sparseExtents: 1_048_576,
  /** Manifest, index or configuration, in bytes. */
  metadataBytes: 4_194_304,
  /** A list of an engine's containers or images, in bytes: 2 KiB each of more than a host can run. */
  engineListBytes: 67_108_864,
  /** What a registry says about a failure, in bytes. */
  registryErrorBytes: 65_536,
  /** Pages of one list of a registry; with 1000 names a page that is more than any repository has. */
  registryPages: 1000,
  /** Nesting of JSON values. */
  jsonDepth: 100,
  /** Nesting of image indexes. */
  indexDepth: 4,
  /** Manifests of one index. */
  indexManifests: 1000,
  /** Layers of one image. */
  layers: 1000,
  /** Entries of an archive around images. */
  archiveMembers: 100_000,
  /** Default of `--max-entries`: entries read from the layers of one image. */
  entries: 5_000_000,
  /** Default of `--max-output`: the flat layer, uncompressed, in bytes. */
  outputBytes: 68_719_476_736,
  /** Uncompressed bytes per compressed byte beyond which a stream is a bomb (gzip cannot pass 1032). */
  compressionRatio: 1100,
  /** A zstd window, in bytes (the default of the zstd program). */
  zstdWindowBytes: 134_217_728,
  /** A registry's or engine's usual cap for one blob: flattening past it earns a warning. */
  registryBlobBytes: 5_368_709_120,
} as const;
