// Changes when: how people choose with how many connections a file is sent does.
import { browserPreferences } from '../preferences.ts';

const KEY = 'reelrace.several';

export function severalWanted(): boolean {
  return browserPreferences.read(KEY) === 'on';
}

export function wantSeveral(wanted: boolean): void {
  browserPreferences.write(KEY, wanted ? 'on' : 'off');
}
