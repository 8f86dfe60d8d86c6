// Changes when: what can be told of an MP4 from its outermost boxes does (ISO/IEC 14496-12, 4.2).

/** What is looked at of a file. */
export type Readable = Pick<Blob, 'size' | 'slice'>;

/** Bytes `[start, end)` of a file. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Where the index lies, and the headers that must be read to find it. */
export interface Index extends Stretch {
  readonly passed: readonly Stretch[];
}

interface Box extends Stretch {
  readonly kind: string;
}

/** An MP4 or a MOV begins with one of these. */
const FIRST = new Set(['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot', 'styp', 'sidx']);
/** Real files have fewer than 20 boxes before their index. */
const GLANCE = 256;
/** Size and kind, and the large size that some have. */
const HEADER = 16;

/** Where the index (`moov`) of an MP4 or MOV lies, if that is behind its pictures; else null. */
export async function indexAtEnd(file: Readable): Promise<Index | null> {
  const passed: Stretch[] = [];
  let media = false;
  let at = 0;
  for (let n = 0; n < GLANCE && at < file.size; n += 1) {
    const box = await boxAt(file, at);
    if (!box || (n === 0 && !FIRST.has(box.kind)) || box.kind === 'moof') return null;
    if (box.kind === 'moov') return media ? { start: box.start, end: box.end, passed } : null;
    media ||= box.kind === 'mdat';
    passed.push({ start: at, end: Math.min(box.end, at + HEADER) });
    at = box.end;
  }
  return null;
}

/** Null: there is no box, or it reaches beyond the end of the file. */
async function boxAt(file: Readable, start: number): Promise<Box | null> {
  const head = new DataView(await file.slice(start, start + HEADER).arrayBuffer());
  if (head.byteLength < 8) return null;
  const short = head.getUint32(0);
  const large = short === 1;
  if (large && head.byteLength < HEADER) return null;
  const kind = String.fromCharCode(...[4, 5, 6, 7].map((place) => head.getUint8(place)));
  const size = large ? Number(head.getBigUint64(8)) : short || file.size - start;
  const end = start + size;
  if (size < (large ? HEADER : 8) || end > file.size) return null;
  return { kind, start, end };
}
