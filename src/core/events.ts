// What doers tell: plain values that a renderer, a log or a test can take. Nothing else prints.

/** Where an event comes from; set once where a context is narrowed. */
export interface Scope {
  readonly group?: string;
  readonly image?: string;
  /** Only where several platforms of one image are worked on. */
  readonly platform?: string;
  readonly host?: string;
  /** `api.3`: a container's place in an environment. */
  readonly slot?: string;
  readonly stage?: string;
}

/** One thing that happened. JSON-able. */
export type ShipperEvent =
  | {
      readonly type: 'task.started';
      readonly id: string;
      readonly title: string;
      readonly totalBytes?: number;
      readonly scope: Scope;
    }
  | {
      readonly type: 'task.progress';
      readonly id: string;
      readonly doneBytes: number;
      readonly scope: Scope;
    }
  | {
      readonly type: 'task.finished';
      readonly id: string;
      readonly outcome: 'done' | 'failed';
      readonly doneBytes: number;
      readonly seconds: number;
      readonly scope: Scope;
    }
  | {
      readonly type: 'note';
      readonly level: 'info' | 'warn';
      readonly message: string;
      readonly scope: Scope;
    }
  /** A line that another program said, as it came. */
  | { readonly type: 'log'; readonly line: string; readonly scope: Scope };

/** Takes events; must not throw and is never awaited. */
export type Report = (event: ShipperEvent) => void;

/** The time as effectful code sees it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds on a clock that never jumps. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
