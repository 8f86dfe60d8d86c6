// Changes when: boxes.ts does.
import { describe, expect, it } from 'vitest';
import { indexAtEnd } from './boxes.ts';

/** A box of `size` bytes in all; `told` is what its header says instead. */
function box(kind: string, size: number, told = size): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, told);
  bytes.set(new TextEncoder().encode(kind), 4);
  return bytes;
}

/** The same with a size of 64 bits. */
function large(kind: string, size: number, told = size): Uint8Array<ArrayBuffer> {
  const bytes = box(kind, size, 1);
  new DataView(bytes.buffer).setBigUint64(8, BigInt(told));
  return bytes;
}

const ftyp = box('ftyp', 24);

describe('indexAtEnd', () => {
  it.each<[string, Uint8Array<ArrayBuffer>[], number[] | null]>([
    ['the index last', [ftyp, box('mdat', 100), box('moov', 40)], [124, 164]],
    ['something behind it', [ftyp, box('mdat', 100), box('moov', 40), box('free', 9)], [124, 164]],
    ['a large media box', [ftyp, large('mdat', 100), box('moov', 40)], [124, 164]],
    ['an index up to the end', [box('wide', 8), box('mdat', 99), box('moov', 40, 0)], [107, 147]],
    ['the index first', [ftyp, box('moov', 40), box('mdat', 100)], null],
    ['fragments', [ftyp, box('mdat', 100), box('moof', 40), box('moov', 40)], null],
    ['no index', [ftyp, box('mdat', 100)], null],
    ['an end that is missing', [ftyp, box('mdat', 100, 4_000)], null],
    ['an index whose end is missing', [ftyp, box('mdat', 100), box('moov', 40, 41)], null],
    ['a box that is too small', [ftyp, box('mdat', 100, 7), box('moov', 40)], null],
    ['a large box that is too small', [ftyp, large('mdat', 100, 15), box('moov', 40)], null],
    ['a size beyond all bounds', [ftyp, large('mdat', 100, Number.MAX_SAFE_INTEGER)], null],
    ['a header that is cut off', [ftyp, box('mdat', 100), box('moov', 8).slice(0, 5)], null],
    ['another kind of file', [box('RIFF', 100), box('moov', 40)], null],
    ['nothing', [], null],
  ])('of %s', async (_, boxes, found) => {
    const index = await indexAtEnd(new Blob(boxes));
    expect(index && [index.start, index.end]).toEqual(found);
  });

  it('tells which headers lead to it', async () => {
    const boxes = [ftyp, box('mdat', 100), box('free', 8), box('moov', 40)];
    expect((await indexAtEnd(new Blob(boxes)))?.passed).toEqual([
      { start: 0, end: 16 },
      { start: 24, end: 40 },
      { start: 124, end: 132 },
    ]);
  });

  it('does not look for ever', async () => {
    const boxes = Array.from({ length: 300 }, () => box('free', 8));
    expect(await indexAtEnd(new Blob([ftyp, ...boxes, box('mdat', 8), box('moov', 8)]))).toBeNull();
  });
});
