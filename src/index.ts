// The public library. The command line stands on nothing else.

export type { Compression } from './blob/compressor.ts';
export type { Environment } from './config/environment-types.ts';
export type { LoadOptions } from './config/load.ts';
export type { ContainerChoice, DeployChoice, ServiceChoice } from './config/service-types.ts';
export type { BuildChoice, FlattenChoice, Project, ProjectImage } from './config/types.ts';
export type { Context } from './core/context.ts';
export type { Digest } from './core/digest.ts';
export {
  ERROR_CODES,
  type ErrorCode,
  isShipperError,
  type Place,
  type Problem,
  ShipperError,
} from './core/errors.ts';
export type { Clock, Report, Scope, ShipperEvent } from './core/events.ts';
export type { MergePolicy, Warning, WarningCode } from './flatten/policy.ts';
export type { RemovedFile, RemovedSummary } from './flatten/removed.ts';
export type { Acted, ActOptions } from './fleet/acts.ts';
export type { Chosen } from './fleet/chosen.ts';
export type { Ensured } from './fleet/ensure.ts';
export type {
  FleetContainer,
  FleetImage,
  InspectedContainer,
  OwnedBy,
} from './fleet/fleet-container.ts';
export {
  GroupResult,
  type HostFailure,
  type HostResult,
  type HostSuccess,
  type ResultJson,
} from './fleet/group-result.ts';
export type { Logged } from './fleet/logs.ts';
export type { Attached, Executed, FleetLine, TakeLines, Waited } from './fleet/output.ts';
export type { Plight } from './fleet/plight.ts';
export type { Ran } from './fleet/run.ts';
export type { RunOptions } from './fleet/run-spec.ts';
export type { ContainerFilter, Pattern } from './fleet/selection.ts';
export type {
  AttachCall,
  BuildCall,
  CallOptions,
  ExecCall,
  FlattenCall,
  LogsCall,
  RunCall,
  ShipperOptions,
  WatchCall,
} from './fleet/shipper-options.ts';
export type { HostAddress } from './fleet/targets.ts';
export type { WatchEvent } from './fleet/watch.ts';
export type { Platform } from './image/image.ts';
export {
  copy,
  flatten,
  inspect,
  type LibraryOptions,
  loadProject,
  planShip,
  shipProject,
  tag,
  verify,
} from './library.ts';
export {
  environmentHistory,
  environmentLocks,
  environmentStatus,
  moveServices,
  planResume,
  planRollback,
  planRollout,
  pruneEnvironment,
  resume,
  rollback,
  rollout,
  unlockEnvironment,
} from './library-rollout.ts';
export { Shipper } from './library-shipper.ts';
export { cli, task } from './library-tasks.ts';
export type {
  CopiedAttestation,
  CopiedImage,
  CopyReport,
  CopyRequest,
  TaggedName,
  TagReport,
  TagRequest,
} from './operations/copy-types.ts';
export type {
  Difference,
  FlattenedImage,
  FlattenReport,
  FlattenRequest,
  InspectedImage,
  InspectedLayer,
  InspectReport,
  MediaOptions,
  VerifiedPlatform,
  VerifyReport,
} from './operations/flatten-types.ts';
export type {
  CacheFacts,
  PlannedImage,
  ShipCaps,
  ShipFailure,
  ShipOutcome,
  ShipPlan,
  ShippedImage,
  ShippedPlatform,
  ShippedStatus,
  ShippedTag,
  ShipReport,
  ShipRequest,
  ShipStage,
  StageSeconds,
} from './pipeline/ship-types.ts';
export type { GarbageItem, KeptItem } from './rollout/gc.ts';
export type { LockClaim, LockHolder } from './rollout/lock.ts';
export type { MoveOutcome, MoveReport, MoveRequest } from './rollout/move-types.ts';
export type { PrunedHost, PruneReport, PruneRequest } from './rollout/prune.ts';
export type { HostLock, LocksReport, UnlockRequest } from './rollout/queries.ts';
export type { AuditEntry, DeployScope, ReleaseStatus } from './rollout/release.ts';
export type {
  ChangeRequest,
  EnvironmentRequest,
  HostReport,
  PlannedBatch,
  PlannedCall,
  RollbackRequest,
  RolloutFailure,
  RolloutOutcome,
  RolloutPlan,
  RolloutReport,
  RolloutRequest,
  ServiceReport,
  SlotReport,
  SlotState,
} from './rollout/rollout-types.ts';
export type {
  HistoryEntry,
  HistoryReport,
  StatusReport,
  StatusSlot,
} from './rollout/status.ts';
export { nodeSystem } from './system/node.ts';
export type { System } from './system/system.ts';
export {
  type Completion,
  choice,
  duration,
  flag,
  type ListSettings,
  list,
  type NumberSettings,
  number,
  option,
  type Parameter,
  type ParameterSettings,
  type PositionalSettings,
  positional,
} from './tasks/parameter.ts';
export type { Hook, Task, TaskContext, TaskSettings } from './tasks/task.ts';
export type { SpoolMode } from './transport/spool-mode.ts';
