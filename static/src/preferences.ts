// Changes when: how a browser remembers what people have chosen does.

/** Short texts by name. */
export interface Preferences {
  read(key: string): string | null;
  write(key: string, value: string): void;
}

export const browserPreferences: Preferences = {
  read(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // Storage is switched off: then nothing is remembered.
    }
  },
  write(key, value) {
    try {
      localStorage.setItem(key, value);
    } catch {
      // As above.
    }
  },
};
