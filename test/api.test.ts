// What the library promises: the names of `src/index.ts`. A name that goes is a breaking change; a new one is a promise.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as library from '../src/index.ts';

const INDEX = readFileSync(new URL('../src/index.ts', import.meta.url), 'utf8');

/** Names that exist when the program runs. */
const VALUES = [
  'ERROR_CODES',
  'GroupResult',
  'Shipper',
  'ShipperError',
  'choice',
  'cli',
  'copy',
  'duration',
  'environmentHistory',
  'environmentLocks',
  'environmentStatus',
  'flag',
  'flatten',
  'inspect',
  'isShipperError',
  'list',
  'loadProject',
  'moveServices',
  'nodeSystem',
  'number',
  'option',
  'planResume',
  'planRollback',
  'planRollout',
  'planShip',
  'positional',
  'pruneEnvironment',
  'resume',
  'rollback',
  'rollout',
  'shipProject',
  'tag',
  'task',
  'unlockEnvironment',
  'verify',
];

/** Names for the compiler. */
const TYPES = [
  'ActOptions',
  'Acted',
  'AttachCall',
  'Attached',
  'AuditEntry',
  'BuildCall',
  'BuildChoice',
  'CacheFacts',
  'CallOptions',
  'ChangeRequest',
  'Chosen',
  'Clock',
  'Completion',
  'Compression',
  'ContainerChoice',
  'ContainerFilter',
  'Context',
  'CopiedAttestation',
  'CopiedImage',
  'CopyReport',
  'CopyRequest',
  'DeployChoice',
  'DeployScope',
  'Difference',
  'Digest',
  'Ensured',
  'Environment',
  'EnvironmentRequest',
  'ErrorCode',
  'ExecCall',
  'Executed',
  'FlattenCall',
  'FlattenChoice',
  'FlattenReport',
  'FlattenRequest',
  'FlattenedImage',
  'FleetContainer',
  'FleetImage',
  'FleetLine',
  'GarbageItem',
  'HistoryEntry',
  'HistoryReport',
  'HostAddress',
  'HostFailure',
  'Hook',
  'HostLock',
  'HostReport',
  'HostResult',
  'HostSuccess',
  'InspectReport',
  'InspectedContainer',
  'InspectedImage',
  'InspectedLayer',
  'KeptItem',
  'LibraryOptions',
  'ListSettings',
  'LoadOptions',
  'LockClaim',
  'LockHolder',
  'LocksReport',
  'Logged',
  'LogsCall',
  'MediaOptions',
  'MergePolicy',
  'MoveOutcome',
  'MoveReport',
  'MoveRequest',
  'OwnedBy',
  'Pattern',
  'NumberSettings',
  'Parameter',
  'ParameterSettings',
  'Place',
  'PlannedBatch',
  'PlannedCall',
  'PlannedImage',
  'Platform',
  'Plight',
  'PositionalSettings',
  'Problem',
  'Project',
  'ProjectImage',
  'PruneReport',
  'PruneRequest',
  'PrunedHost',
  'Ran',
  'ReleaseStatus',
  'RemovedFile',
  'RemovedSummary',
  'Report',
  'ResultJson',
  'RollbackRequest',
  'RolloutFailure',
  'RolloutOutcome',
  'RolloutPlan',
  'RolloutReport',
  'RolloutRequest',
  'RunCall',
  'RunOptions',
  'Scope',
  'ServiceChoice',
  'ServiceReport',
  'ShipCaps',
  'ShipFailure',
  'ShipOutcome',
  'ShipPlan',
  'ShipReport',
  'ShipRequest',
  'ShipStage',
  'ShippedImage',
  'ShippedPlatform',
  'ShippedStatus',
  'ShippedTag',
  'ShipperEvent',
  'ShipperOptions',
  'SlotReport',
  'SlotState',
  'SpoolMode',
  'StageSeconds',
  'StatusReport',
  'StatusSlot',
  'System',
  'TagReport',
  'TagRequest',
  'TaggedName',
  'TakeLines',
  'Task',
  'TaskContext',
  'TaskSettings',
  'UnlockRequest',
  'VerifiedPlatform',
  'VerifyReport',
  'Waited',
  'Warning',
  'WarningCode',
  'WatchCall',
  'WatchEvent',
];

/** Every name of an export list, as written: `type` before the braces or before the name makes it a type. */
function exportedNames(): readonly { readonly name: string; readonly isType: boolean }[] {
  return [...INDEX.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, type, list = '']) =>
    list
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '')
      .map((word) => ({
        name: word.replace(/^type /, ''),
        isType: type !== undefined || word.startsWith('type '),
      })),
  );
}

describe('the public library', () => {
  const names = exportedNames();
  const namesOf = (isType: boolean) =>
    names
      .filter((each) => each.isType === isType)
      .map(({ name }) => name)
      .sort();

  it('exports these values', () => {
    expect(Object.keys(library).sort()).toEqual([...VALUES].sort());
    expect(namesOf(false)).toEqual([...VALUES].sort());
  });

  it('exports these types', () => {
    expect(namesOf(true)).toEqual([...TYPES].sort());
  });

  it('stays small', () => {
    expect(names.length).toBeLessThanOrEqual(195);
    expect(new Set(names.map(({ name }) => name)).size).toBe(names.length);
  });

  it('has no export but named ones', () => {
    expect(INDEX).not.toMatch(/export \*|export default/);
    expect(INDEX.match(/^export\b/gm)?.length).toBe(INDEX.match(/^export (?:type )?\{/gm)?.length);
  });
});
