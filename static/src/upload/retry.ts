// Changes when: which failures of an upload are worth another try, and how soon, does.

/** Milliseconds before each try; progress in between starts the row anew. */
export const RETRY_DELAYS: readonly number[] = [
  500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000,
];

/** Milliseconds without a byte after which a connection is taken for dead: longer than a slow
 * line needs to empty what the system has buffered. */
export const STALLED_AFTER = 75_000;

const DISK_FULL = 507;
/** Timeout, conflict, locked, too early, too many: the same request may well succeed later. */
const PASSING = new Set([408, 409, 423, 425, 429]);

/** With these the same file fails in the same way, however often it is sent. */
const HOPELESS = new Set(['file_unreadable', 'too_large', 'filename_invalid', 'metadata_invalid']);

/** May a person's "try again" help? */
export function hopeful(code: string): boolean {
  return !HOPELESS.has(code);
}

/** Is it worth trying again by itself? `status` is zero if there was no answer at all. */
export function retriable(status: number): boolean {
  if (status === 0 || PASSING.has(status)) return true;
  return status >= 500 && status !== DISK_FULL;
}
