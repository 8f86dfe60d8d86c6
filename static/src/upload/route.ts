// Changes when: in which parts, and in which order, a file is sent does.
import type { Index, Stretch } from './boxes.ts';

/** What is sent one after another, and then the rest, of which several may be sent at once. */
export interface Route {
  readonly first: readonly Stretch[];
  readonly rest: readonly Stretch[];
}

/** Bytes: what a reader wants of a beginning. */
const HEAD = 1 << 16;
/** What lies this close together is sent together. */
const CLOSE = 1 << 16;
/** A file this large is worth several connections. */
const LARGE = 1 << 25;
/** Parts are at least this large, and there are at most so many. */
const PART = { size: 1 << 24, most: 256 };

/**
 * How a file is sent: what its index needs comes first, so that it plays while the rest arrives.
 * Null: in one piece, from its beginning. With `several` connections, the rest is cut into parts.
 */
export function routeOf(size: number, index: Index | null, several: boolean): Route | null {
  const large = several && size >= LARGE;
  if (!index && !large) return null;
  const first = index ? joined([{ start: 0, end: HEAD }, ...index.passed, index], size) : [];
  const gaps = gapsIn({ start: 0, end: size }, first);
  if (gaps.length === 0) return null;
  const part = Math.max(PART.size, Math.ceil(size / PART.most));
  return { first, rest: large ? gaps.flatMap((gap) => cut(gap, part)) : gaps };
}

/** The same with the windows that there are already; they stay as they are. */
export function withKnown<Known extends Stretch>(
  route: Route,
  known: readonly Known[],
): { readonly first: readonly (Stretch | Known)[]; readonly rest: readonly (Stretch | Known)[] } {
  const missing = [...route.first, ...route.rest].flatMap((wanted) => gapsIn(wanted, known));
  const all = [...known, ...missing].sort((a, b) => a.start - b.start);
  const early = (one: Stretch) =>
    route.first.some((wanted) => one.start < wanted.end && wanted.start < one.end);
  return { first: all.filter(early), rest: all.filter((one) => !early(one)) };
}

/** What `covered` leaves of a stretch. */
export function gapsIn(whole: Stretch, covered: readonly Stretch[]): Stretch[] {
  const gaps: Stretch[] = [];
  let at = whole.start;
  for (const { start, end } of [...covered].sort((a, b) => a.start - b.start)) {
    if (start > at) gaps.push({ start: at, end: Math.min(start, whole.end) });
    at = Math.max(at, end);
    if (at >= whole.end) break;
  }
  if (at < whole.end) gaps.push({ start: at, end: whole.end });
  return gaps.filter(({ start, end }) => start < end);
}

function joined(stretches: readonly Stretch[], size: number): Stretch[] {
  const found: Stretch[] = [];
  for (const { start, end } of [...stretches].sort((a, b) => a.start - b.start)) {
    const last = found.at(-1);
    if (last && start <= last.end + CLOSE) {
      found[found.length - 1] = { start: last.start, end: Math.max(last.end, end) };
    } else found.push({ start, end });
  }
  return found.map(({ start, end }) => ({ start, end: reach(end, size) }));
}

/** A little that is left at the end is taken along. */
function reach(end: number, size: number): number {
  return size - end <= CLOSE ? size : end;
}

function cut({ start, end }: Stretch, part: number): Stretch[] {
  const count = Math.ceil((end - start) / part);
  return Array.from({ length: count }, (_, n) => ({
    start: start + n * part,
    end: Math.min(end, start + (n + 1) * part),
  }));
}
