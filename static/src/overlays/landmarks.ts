// Changes when: which points of a body there are, and how they hang together, does.
// The 33 landmarks of MediaPipe's pose model, and the lines that it draws between them.

export const LANDMARKS = 33;

export type Side = 'left' | 'right' | 'middle';

/** Of the person, not of the picture: odd numbers from 11 on are left. */
export function sideOf(landmark: number): Side {
  if (landmark === 0) return 'middle';
  if (landmark >= 11) return landmark % 2 ? 'left' : 'right';
  return [1, 2, 3, 7, 9].includes(landmark) ? 'left' : 'right';
}

/** Pairs of landmarks. */
export const BONES: readonly (readonly [number, number])[] = [
  // Face: eyes, ears, mouth.
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 7],
  [0, 4],
  [4, 5],
  [5, 6],
  [6, 8],
  [9, 10],
  // Shoulders and hips.
  [11, 12],
  [11, 23],
  [12, 24],
  [23, 24],
  // Arms and hands.
  [11, 13],
  [13, 15],
  [15, 17],
  [15, 19],
  [15, 21],
  [17, 19],
  [12, 14],
  [14, 16],
  [16, 18],
  [16, 20],
  [16, 22],
  [18, 20],
  // Legs and feet.
  [23, 25],
  [25, 27],
  [27, 29],
  [27, 31],
  [29, 31],
  [24, 26],
  [26, 28],
  [28, 30],
  [28, 32],
  [30, 32],
];

/** A line on one side of the body is of that side; what joins both is of neither. */
export function sideOfBone([from, to]: readonly [number, number]): Side {
  const [one, other] = [sideOf(from), sideOf(to)];
  if (one === 'middle') return other;
  return one === other || other === 'middle' ? one : 'middle';
}
