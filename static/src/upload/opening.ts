// Changes when: how it is decided as what a file is sent, and where it goes on, does.
import type { UploadOptions } from 'tus-js-client';
import { indexAtEnd } from './boxes.ts';
import { fingerprintOf } from './fingerprint.ts';
import { routeOf, withKnown } from './route.ts';
import type { Tus } from './tus.ts';
import type { Known, Unfinished } from './unfinished.ts';
import { newAssembly, Windows } from './windows.ts';

/** Connections for one file, where several are wanted. */
const SEVERAL = 3;

export interface Means {
  make(file: Blob, options: UploadOptions): Tus;
  /** An upload of this file that was begun earlier and that nobody here goes on with. */
  begun(file: Known): Promise<Unfinished | null>;
  /** Whether several connections are wanted for one file. */
  several(): boolean;
}

export interface Opened {
  readonly tus: Tus;
  /** Nothing of it can be watched before all of it is there. */
  readonly late: boolean;
  /** The video that it goes on with. */
  readonly video: string | null;
}

/** Reads both ends of the file. Rejects if it cannot be read, and with an `ApiError`. */
export async function open(file: File, options: UploadOptions, means: Means): Promise<Opened> {
  const fingerprint = await fingerprintOf(file);
  const index = await indexAtEnd(file);
  const found = await means.begun({ name: file.name, size: file.size, fingerprint });
  const told = { ...options, metadata: { ...options.metadata, fingerprint } };
  const several = means.several();
  const route = routeOf(file.size, index, several);
  const video = found?.video ?? null;
  const lanes = several ? SEVERAL : 1;
  if (found?.assembly) {
    const known = found.windows.map(({ url, start, length, offset }) => {
      return { url, start, end: start + (length ?? 0), offset };
    });
    const whole = { first: [], rest: [{ start: 0, end: file.size }] };
    const assembly = { name: found.assembly, ...withKnown(route ?? whole, known) };
    const tus = new Windows(file, assembly, lanes, told, means.make);
    return { tus, late: false, video };
  }
  const uploadUrl = found?.windows[0]?.url;
  if (uploadUrl || !route) {
    const tus = means.make(file, uploadUrl ? { ...told, uploadUrl } : told);
    return { tus, late: index !== null, video };
  }
  const tus = new Windows(file, newAssembly(route), lanes, told, means.make);
  return { tus, late: false, video };
}
