// Changes when: how a skeleton looks does.
import { landmark, type Person } from './frames.ts';
import { BONES, LANDMARKS, type Side, sideOf, sideOfBone } from './landmarks.ts';

/** A part of a surface, in its pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Orange and blue are told apart whichever colours one sees; a dark rim parts them from any picture. */
export const COLOURS: Record<Side, string> = {
  left: '#ff9a1f',
  right: '#3fb8ff',
  middle: '#ffffff',
};
const RIM = '#0a0f14';
/** What is hidden or out of the picture is guessed: it is drawn so faint. */
const FAINTEST = 0.3;

/** Where a picture of `width` by `height` lies when all of it is shown in `surface`. */
export function fitted(width: number, height: number, surface: Box): Box {
  const scale = Math.min(surface.width / width, surface.height / height);
  const [w, h] = [width * scale, height * scale];
  return {
    x: surface.x + (surface.width - w) / 2,
    y: surface.y + (surface.height - h) / 2,
    width: w,
    height: h,
  };
}

/** How strong something of this visibility (0 to 1) is drawn. */
export function strength(visibility: number): number {
  const share = Math.min(1, Math.max(0, (visibility - 0.3) / 0.4));
  return FAINTEST + (1 - FAINTEST) * share;
}

/** A landmark on the surface. */
interface Joint {
  readonly x: number;
  readonly y: number;
  readonly alpha: number;
}

/** Everybody, over the picture that lies in `box`. `unit`: pixels of the surface for one of CSS. */
export function draw(
  context: CanvasRenderingContext2D,
  people: readonly Person[],
  box: Box,
  unit: number,
): void {
  const thickness = Math.max(2, Math.min(box.width, box.height) / unit / 170) * unit;
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  context.lineCap = 'round';
  for (const person of people) {
    const joints = Array.from({ length: LANDMARKS }, (_, n) => jointOf(person, n, box));
    drawBones(context, joints, thickness + 2 * unit);
    drawBones(context, joints, thickness, (bone) => COLOURS[sideOfBone(bone)]);
    joints.forEach((joint, n) => {
      // Those of the face lie close together.
      const radius = thickness * (n < 11 ? 0.8 : 1.35);
      dot(context, joint, radius + unit);
      dot(context, joint, radius, COLOURS[sideOf(n)]);
    });
  }
  context.restore();
}

function jointOf(person: Person, n: number, box: Box): Joint {
  const { x, y, visibility } = landmark(person, n);
  return {
    x: box.x + x * box.width,
    y: box.y + y * box.height,
    alpha: strength(visibility),
  };
}

function drawBones(
  context: CanvasRenderingContext2D,
  joints: readonly Joint[],
  thickness: number,
  colour?: (bone: readonly [number, number]) => string,
): void {
  context.lineWidth = thickness;
  for (const bone of BONES) {
    const [from, to] = bone.map((n) => joints[n]);
    if (!from || !to) continue;
    ink(context, Math.min(from.alpha, to.alpha), colour?.(bone));
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  }
}

function dot(
  context: CanvasRenderingContext2D,
  { x, y, alpha }: Joint,
  radius: number,
  colour?: string,
): void {
  ink(context, alpha, colour);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** Without a colour, the rim: where the colour is faint it must not outdo it. */
function ink(context: CanvasRenderingContext2D, alpha: number, colour?: string): void {
  context.globalAlpha = colour ? alpha : alpha ** 3;
  context.strokeStyle = colour ?? RIM;
  context.fillStyle = colour ?? RIM;
}
