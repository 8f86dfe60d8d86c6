// Changes when: a line of `pose.ndjson`, or which of its frames belongs to a picture, does.
import { LANDMARKS } from './landmarks.ts';

/** For each landmark x and y, as shares of the picture, and its visibility. */
export type Person = Float32Array;

/** The people in one picture. */
export interface PoseFrame {
  readonly index: number;
  /** Seconds. */
  readonly time: number;
  readonly people: readonly Person[];
}

const PARTS = 3;
/** Frames that are further apart (seconds) say nothing about what is between them. */
const NEAR = 0.1;
/** A person that moved further (a share of the picture, on average) is somebody else. */
const SAME = 0.06;

/** Frames in order, from lines of JSON. */
export function framesOf(text: string): PoseFrame[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { index, time, people } = JSON.parse(line) as {
        index: number;
        time: number;
        people: { landmarks: number[][] }[];
      };
      return { index, time, people: people.map(({ landmarks }) => personOf(landmarks)) };
    });
}

function personOf(landmarks: readonly (readonly number[])[]): Person {
  const person = new Float32Array(LANDMARKS * PARTS);
  landmarks.slice(0, LANDMARKS).forEach(([x = 0, y = 0, , visibility = 0], n) => {
    person.set([x, y, visibility], n * PARTS);
  });
  return person;
}

export function landmark(person: Person, n: number): { x: number; y: number; visibility: number } {
  const [x = 0, y = 0, visibility = 0] = person.subarray(n * PARTS, n * PARTS + PARTS);
  return { x, y, visibility };
}

/** Place of the latest frame that is not after `time`; -1 if all are. */
export function placeAt(frames: readonly PoseFrame[], time: number): number {
  let [low, high] = [-1, frames.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((frames[middle]?.time ?? 0) <= time) low = middle;
    else high = middle;
  }
  return low;
}

/** The people at a time between two frames; those of the first where there is nothing between. */
export function between(first: PoseFrame, second: PoseFrame, time: number): readonly Person[] {
  const gap = second.time - first.time;
  const share = (time - first.time) / gap;
  if (!(share > 0 && share < 1 && gap <= NEAR) || !alike(first.people, second.people)) {
    return first.people;
  }
  return first.people.map((person, n) => {
    const later = second.people[n] ?? person;
    return person.map((value, part) => value + ((later[part] ?? value) - value) * share);
  });
}

function alike(some: readonly Person[], others: readonly Person[]): boolean {
  return (
    some.length === others.length && some.every((person, n) => moved(person, others[n]) < SAME)
  );
}

function moved(person: Person, later: Person | undefined): number {
  if (!later) return Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let n = 0; n < LANDMARKS; n += 1) {
    const [one, other] = [landmark(person, n), landmark(later, n)];
    sum += Math.hypot(one.x - other.x, one.y - other.y);
  }
  return sum / LANDMARKS;
}
