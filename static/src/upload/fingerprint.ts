// Changes when: by what a file is known again does.
import type { Readable } from './boxes.ts';

/** Changes with what is looked at: what was known by another version is not found by accident. */
const VERSION = '2';
/** Bytes at the beginning and at the end. */
const SAMPLE = 1 << 16;
/** What is looked at in between: so many blocks of so many bytes, spread over all of the file. */
const BLOCKS = 64;
const BLOCK = 1 << 12;

/**
 * The same for the same bytes, whatever they are called and wherever they lie: the size, and a
 * hash of both ends and of blocks in between, as files of one session may begin and end alike.
 * Not for proof, only for finding: files of one camera have equal names.
 */
export async function fingerprintOf(file: Readable): Promise<string> {
  const stretches = [file.slice(0, SAMPLE), file.slice(Math.max(SAMPLE, file.size - SAMPLE))];
  const between = file.size - 2 * SAMPLE;
  for (let n = 0; n < BLOCKS && between > 0; n += 1) {
    const start = SAMPLE + Math.floor((between * n) / BLOCKS);
    stretches.push(file.slice(start, Math.min(start + BLOCK, file.size - SAMPLE)));
  }
  const read = await Promise.all(stretches.map((stretch) => stretch.arrayBuffer()));
  const hash = new Hash();
  for (const bytes of read) hash.add(new Uint8Array(bytes));
  return `${VERSION}-${file.size.toString(16)}-${hash.digest}`;
}

/** cyrb53 by bryc (public domain), over bytes. `crypto.subtle` is there on secure pages only. */
class Hash {
  #a = 0xdeadbeef;
  #b = 0x41c6ce57;

  add(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#a = Math.imul(this.#a ^ byte, 2654435761);
      this.#b = Math.imul(this.#b ^ byte, 1597334677);
    }
  }

  get digest(): string {
    const a = mix(this.#a, this.#b);
    const b = mix(this.#b, this.#a);
    return (b >>> 0).toString(16).padStart(8, '0') + (a >>> 0).toString(16).padStart(8, '0');
  }
}

function mix(one: number, other: number): number {
  return Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909);
}
